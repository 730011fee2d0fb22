// A dense autoencoder's training step: each half is one pass over its weight, by blocks of pixels
// that stay in the L2 cache from their first product to their Adam step, which fetches the next
// block's numbers meanwhile. Gradients are never written to memory.
#include <vector>

#include "core/cpu/cpu_backend.h"
#include "core/cpu/kernels.h"
#include "core/cpu/parallel.h"

namespace fedcamae::cpu {
namespace {

constexpr int64_t kBlock = 48 * 128;    // numbers of a weight in a block
constexpr int64_t kBlocksInPiece = 24;  // sums over pixels are made of pieces

// The sizes that both halves share: n rows of p pixels, h hidden units.
struct Sizes {
  Sizes(const Shape& x, const Shape& weight) : n(x[0]), p(x[1]), h(weight[1]) {}
  int64_t n, p, h;
  int64_t width = padded_columns(n);  // of a pixel's row, a column for each row of x
  int64_t block = std::max(kBlock / h / kTileRows, int64_t{1}) * kTileRows;  // pixels
  int64_t pieces = pieces_of(p, kBlocksInPiece* block);
};

// A matrix [rows, columns] as panels of columns, one after the other.
struct Panels {
  const float* data;
  int64_t rows, columns;
};
// b as it is, or b [columns, rows] transposed.
Panels pack(Slot slot, const float* b, int64_t rows, int64_t columns, bool transposed) {
  const CpuKernels& kernels = cpu_kernels();
  float* to = scratch_floats(slot, rows * padded_columns(columns));
  for (int64_t j = 0; j < columns; j += kernels.panel) {
    const int64_t count = std::min(kernels.panel, columns - j);
    if (transposed)
      kernels.pack_transposed(b + j * rows, rows, count, rows, to + j * rows);
    else
      kernels.pack_rows(b + j, columns, nullptr, count, rows, to + j * rows);
  }
  return {to, rows, columns};
}

// c [rows, padded columns of b] = a [rows, b.rows] * b.
void multiply(const float* a, int64_t a_stride, int64_t rows, const Panels& b, float* c) {
  const Run run{0, 0, b.rows};
  RowsPanel task{};
  task.a = a;
  task.a_stride = a_stride;
  task.rows = rows;
  task.runs = &run;
  task.run_count = 1;
  task.c_stride = padded_columns(b.columns);
  for (int64_t j = 0; j < task.c_stride; j += task.columns) {
    task.columns = std::min(cpu_kernels().panel, task.c_stride - j);
    task.b = b.data + j * b.rows;
    task.c = c + j;
    cpu_kernels().rows_panel(task);
  }
}

// sums [n, h] (+)= a [pixels, n] transposed * weight [pixels, h].
void add_products(const Sizes& s, const float* a, int64_t a_stride, const float* weight,
                  int64_t pixels, bool first, float* sums) {
  OuterPanel task{};
  task.a = a;
  task.a_tile = kTileRows;
  task.a_stride = a_stride;
  task.rows = s.n;
  task.b_stride = task.c_stride = s.h;
  task.steps = pixels;
  task.accumulate = !first;
  for (int64_t j = 0; j < s.h; j += task.columns) {
    task.columns = std::min(cpu_kernels().panel, s.h - j);
    task.b = weight + j;
    task.c = sums + j;
    cpu_kernels().outer_panel(task);
  }
}

// A block's part of the weight's step, which fetches the next block's numbers.
void step_block(const Sizes& s, const AdamStep& step, int64_t begin, int64_t count,
                const float* gradient) {
  AdamStep part = part_of(step, begin, count, gradient);
  part.ahead = s.block * s.h;
  cpu_kernels().adam(part);
}

// fn(pixels, first of its piece, sums of its piece, piece) for all blocks, the pieces shared among
// the threads; then out [n, h] = the sum of the pieces' sums.
template <class Fn>
void in_blocks(const Sizes& s, int threads, View out, const Fn& fn) {
  const int64_t count = s.n * s.h;
  float* sums = scratch_floats(Slot::kSums, s.pieces * count);
  const int parts = static_cast<int>(std::min<int64_t>(threads, s.pieces));
  in_parts(parts, [&](int part) {
    const Range mine = share(s.pieces, part, parts);
    for (int64_t piece = mine.begin; piece < mine.end; ++piece) {
      const Range pixels = piece_at(s.p, kBlocksInPiece * s.block, piece);
      for (int64_t at = pixels.begin; at < pixels.end; at += s.block)
        fn(Range{at, std::min(at + s.block, pixels.end)}, at == pixels.begin, sums + piece * count,
           piece);
    }
  });
  std::vector<double> totals(static_cast<size_t>(count));
  for (int64_t piece = 0; piece < s.pieces; ++piece)
    for (int64_t i = 0; i < count; ++i)
      totals[static_cast<size_t>(i)] += static_cast<double>(sums[piece * count + i]);
  std::copy(totals.begin(), totals.end(), out.data);
}

// Products read the weight's rows as panels of whole vectors.
bool fits(const Sizes& s) { return s.h % cpu_kernels().vector == 0 && s.n > 0 && s.p > 0; }

}  // namespace

double CpuBackend::decoder_step(const DecoderStep& step) {
  const Sizes s(step.x.shape, step.weight.parameter.shape);
  if (!fits(s)) return Backend::decoder_step(step);
  const Panels hidden = pack(Slot::kPanel, step.hidden.data, s.n, s.h, false);
  const Panels hidden_t = pack(Slot::kTiles, step.hidden.data, s.h, s.n, true);
  const AdamStep weight = adam_step_of(step.weight, nullptr);
  const AdamStep bias = adam_step_of(step.bias, nullptr);
  const auto count = static_cast<double>(step.x.size());
  std::vector<double> losses(static_cast<size_t>(s.pieces));
  in_blocks(s, threads_, step.dhidden, [&](Range pixels, bool first, float* sums, int64_t piece) {
    const int64_t rows = pixels.end - pixels.begin, at = pixels.begin * s.h;
    float* z = scratch_floats(Slot::kEvenA, rows * s.width);
    float* gradient = scratch_floats(Slot::kImage, rows * s.h);
    float* dbias = scratch_floats(Slot::kChannels, rows);
    multiply(weight.parameter + at, s.h, rows, hidden_t, z);
    losses[static_cast<size_t>(piece)] += cpu_kernels().sigmoid_error(
        {rows, s.n, step.x_t.data + pixels.begin * s.n, bias.parameter + pixels.begin,
         static_cast<float>(2 / count), z, dbias});
    add_products(s, z, s.width, weight.parameter + at, rows, first, sums);
    multiply(z, s.width, rows, hidden, gradient);
    step_block(s, weight, at, rows * s.h, gradient);
    cpu_kernels().adam(part_of(bias, pixels.begin, rows, dbias));
  });
  double total = 0;
  for (const double loss : losses) total += loss;
  return total / count;
}

void CpuBackend::encoder_step(const EncoderStep& step) {
  const Sizes s(step.x.shape, step.weight.parameter.shape);
  if (!fits(s)) return Backend::encoder_step(step);
  const Panels dz = pack(Slot::kPanel, step.dz.data, s.n, s.h, false);
  const AdamStep weight = adam_step_of(step.weight, nullptr);
  in_blocks(s, threads_, step.z, [&](Range pixels, bool first, float* sums, int64_t) {
    const int64_t rows = pixels.end - pixels.begin, at = pixels.begin * s.h;
    const float* x = step.x_t.data + pixels.begin * s.n;
    float* gradient = scratch_floats(Slot::kImage, rows * s.h);
    multiply(x, s.n, rows, dz, gradient);
    step_block(s, weight, at, rows * s.h, gradient);
    add_products(s, x, s.n, weight.parameter + at, rows, first, sums);
  });
}

}  // namespace fedcamae::cpu
