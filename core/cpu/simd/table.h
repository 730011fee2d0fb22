// The table of SIMD kernels: one per instruction-set level, the same source compiled for each.
// This header is read by sources of every level, so it includes nothing with inline code.
#pragma once

#include <stdint.h>

namespace fedcamae::cpu {

// Rows of C in a tile, at every level.
constexpr int kTileRows = 6;

// A stretch of the reduction: `length` floats of a row of A, from `a` floats after the row's own
// offset, against `length` rows of the packed panel, from row `b`.
struct Run {
  int64_t a;
  int64_t b;
  int64_t length;
};

// Where a kernel is one of `pairs`, A and B are two bfloat16 (core/cpu/simd/bf16.h) in the place of
// each float: both of one are multiplied with both of the other and the products added. Offsets,
// strides and lengths count pairs; A may lie at any address of a bfloat16. Sums are float32.

// C[i][j] (+)= sum over runs and l of A[i][run.a + l] * B[run.b + l][j], for `rows` rows and
// `columns` columns: pixels against a panel of packed weights.
struct RowsPanel {
  const float* a;
  const int64_t* a_offsets;  // [rows], in floats; nullptr: row i begins at i * a_stride
  int64_t a_stride;
  int64_t rows;
  const Run* runs;
  int64_t run_count;  // 0: the sum is empty
  const float* b;     // rows of padded_columns(columns) floats, zeros behind the last column
  // Not nullptr, for floats alone: nobody has packed B yet. Row l of it begins at
  // unpacked + l * unpacked_stride; the first tile copies the rows of its runs to `packed`, which
  // is b, while it multiplies.
  const float* unpacked;
  int64_t unpacked_stride;
  float* packed;
  int64_t columns;  // at most CpuKernels::panel
  float* c;
  const int64_t* c_offsets;  // [rows]; nullptr: c_stride apart
  int64_t c_stride;
  bool accumulate;  // +=
  // Not nullptr: C, which is then read only where `accumulate`, stays as it is; the sums go here,
  // rounded to bfloat16.
  uint16_t* rounded;
  const int64_t* rounded_offsets;  // [rows]; nullptr: rounded_stride apart
  int64_t rounded_stride;
};

// C[i][j] (+)= sum over p of A[p][i] * B[p][j]: the gradient of a weight, reduced over pixels.
struct OuterPanel {
  const float* a;
  int64_t a_tile;  // floats from a tile's first row to the next tile's: 6 where not packed
  const int64_t* a_offsets;  // [steps]; nullptr: a_stride apart
  int64_t a_stride;
  int64_t rows;  // of C
  const float* b;
  const int64_t* b_offsets;  // [steps]; nullptr: b_stride apart
  int64_t b_stride;
  int64_t columns;  // at most CpuKernels::panel; B must be readable up to the padded width
  int64_t steps;    // of the reduction
  float* c;
  int64_t c_stride;
  bool accumulate;
};

// Batch norm over `rows` rows of `channels` numbers, dense. All pointers named after a channel's
// quantity are [channels]. T: float, or uint16_t for bfloat16.
template <class T>
struct NormRows {
  int64_t rows;
  int64_t channels;
  const T* x;
  const float* mean;
  bool relu;
  // Forward: y = f((x - mean) * scale + beta [+ residual]). y may be x.
  const float* scale;
  const float* beta;
  const T* residual;  // nullptr: none
  T* y;
  // Backward, where dz = dy, or 0 where relu and y is 0:
  // dx = dz * scale + (x - mean) * along + constant; dresidual = dz.
  const T* dy;
  const T* y_kept;     // read only where relu
  const float* along;  // nullptr: both terms are absent
  const float* constant;
  T* dx;
  T* dresidual;  // nullptr: not wanted
};

// One step over `count` parameters; numbers as PyTorch hands them to its kernels.
struct AdamStep {
  int64_t count;
  const float* grad;
  float* parameter;
  float* m;
  float* v;
  float decay;         // of the parameter itself: 1 - lr * weight_decay where decoupled, else 1
  float weight_decay;  // added to the gradient; 0 where decoupled
  float beta1, beta2;
  float one_minus_beta1, one_minus_beta2;
  float root_correction;  // sqrt(1 - beta2^t)
  float step_size;        // lr / (1 - beta1^t)
  float eps;
  int64_t
      ahead;  // how far the next call begins, whose numbers come to the L2 cache meanwhile; or 0
};
struct SgdStep {
  int64_t count;
  const float* grad;
  float* parameter;
  float* buffer;  // nullptr: no momentum
  float lr, momentum, one_minus_dampening, weight_decay;
  bool first;  // the buffer begins as the gradient
  bool nesterov;
};

// The last layer of an autoencoder, a row per pixel: y = sigmoid(z + bias), and the gradient of
// (y - x)^2 times factor / 2 in the place of z, zeros behind its last column.
struct SigmoidError {
  int64_t rows;
  int64_t columns;
  const float* x;     // [rows, columns]
  const float* bias;  // [rows]
  float factor;
  float* z;      // [rows, padded_columns(columns)]
  float* dbias;  // [rows]: the sums of z's rows
};

template <class T>
struct NormKernels {
  // sums[c] = sum over rows of (x - shift[c]), squares[c] = sum of (x - shift[c])^2.
  void (*moments)(const T* x, const float* shift, int64_t rows, int64_t channels, float* sums,
                  float* squares);
  void (*forward)(const NormRows<T>&);
  // sums[c] = sum over rows of dz, products[c] = sum of dz * (x - mean).
  void (*gradient_sums)(const NormRows<T>&, float* sums, float* products);
  void (*backward)(const NormRows<T>&);
};

struct CpuKernels {
  const char* name;  // "avx512"
  int64_t vector;    // floats in a vector
  int64_t panel;     // most columns of a panel, a multiple of `vector`
  void (*rows_panel)(const RowsPanel&);
  void (*rows_panel_pairs)(const RowsPanel&);
  void (*outer_panel)(const OuterPanel&);
  void (*outer_panel_pairs)(const OuterPanel&);
  // to[l * width + j] = from[j * from_stride + l], j < columns, l < length; zeros up to width, the
  // padded number of columns. Of pairs as well, at any address of a bfloat16.
  void (*pack_transposed)(const float* from, int64_t from_stride, int64_t columns, int64_t length,
                          float* to);
  // to[l * width + j] = from[l * from_stride + j]; offsets, where given, replace l * from_stride.
  void (*pack_rows)(const float* from, int64_t from_stride, const int64_t* offsets, int64_t columns,
                    int64_t length, float* to);
  // For OuterPanel::a: step p of rows 6 t .. 6 t + 5, at from + offsets[p] + 6 t, goes to
  // to + (t * steps + p) * kTileRows, so that a tile reads on without a gap.
  void (*pack_tiles)(const float* from, const int64_t* offsets, int64_t rows, int64_t steps,
                     float* to);
  // Row p of `to`, `to_stride` floats apart: run i of `runs`, each `length` floats from
  // from + offsets[p] + runs[i], one behind the other. Reads and writes up to a vector beyond.
  void (*pack_runs)(const float* from, const int64_t* offsets, int64_t steps, const int64_t* runs,
                    int64_t run_count, int64_t length, float* to, int64_t to_stride);
  // Panels and tiles of pairs out of bfloat16: each number of pack_rows or pack_tiles with that
  // `partner` numbers further on; steps from `paired` on have none and are paired with 0.
  void (*pack_row_pairs)(const uint16_t* from, int64_t from_stride, const int64_t* offsets,
                         int64_t partner, int64_t paired, int64_t columns, int64_t length,
                         float* to);
  void (*pack_tile_pairs)(const uint16_t* from, const int64_t* offsets, int64_t partner,
                          int64_t paired, int64_t rows, int64_t steps, float* to);
  void (*round_row)(const float* from, int64_t count, uint16_t* to);
  void (*widen_row)(const uint16_t* from, int64_t count, float* to);
  NormKernels<float> norm;
  NormKernels<uint16_t> norm_bf16;
  void (*adam)(const AdamStep&);
  double (*sigmoid_error)(const SigmoidError&);  // returns the sum of (y - x)^2
  void (*sgd)(const SgdStep&);
  // sums[v] = sum over i of (a[i] - b[v][i])^2 in double, eight sums side by side at every level.
  void (*squared_distances)(const float* a, const float* const* b, int64_t vectors, int64_t count,
                            double* sums);
  // Columns [begin, end), whole vectors, of y: the medians over x[0] ... x[n - 1] (core/median.h).
  // block: for n panels of numbers.
  void (*medians)(const float* const* x, int64_t n, int64_t begin, int64_t end, float* block,
                  float* y);
  // The same of the means without the `trim` smallest and largest (core/trimmed_mean.h).
  void (*trimmed_means)(const float* const* x, int64_t n, int64_t trim, int64_t begin, int64_t end,
                        float* block, float* y);
  // Multiply-adds on registers alone; returns how many. sink [16] is read and written.
  int64_t (*peak)(int64_t repeats, float* sink);
};

}  // namespace fedcamae::cpu
