// Matrix product through the convolution's tiles.
#include "core/cpu/gemm_parallel.h"
#include "core/cpu/kernels.h"
#include "core/cpu/pairs.h"

namespace fedcamae::cpu {
namespace {

// Rows of B in a packed panel, 512 KiB with the widest one: its blocks of kDepth rows stay in the
// L2 cache while the rows of A pass by, kRowsAtOnce of them through all blocks.
constexpr int64_t kPackedDepth = 16 * kDepth;

struct Problem {
  const float* a;
  const float* b;
  float* c;
  int64_t m, n, k;
  GemmSpec spec;
  // Few rows pass by a panel once: it may go from the L1 cache straight away.
  bool once() const { return m <= kRowsAtOnce; }
  // The rows of B are then packed by the first product that reads them.
  bool packs_late() const { return once() && !spec.transpose_a && !spec.transpose_b; }
};

// Columns [j, j + columns) of op(B), rows [l, l + depth).
void pack_b(const Problem& p, Range columns, Range depth, float* to) {
  const CpuKernels& kernels = cpu_kernels();
  const int64_t count = columns.end - columns.begin;
  if (p.spec.transpose_b)
    kernels.pack_transposed(p.b + columns.begin * p.k + depth.begin, p.k, count,
                            depth.end - depth.begin, to);
  else
    kernels.pack_rows(p.b + depth.begin * p.n + columns.begin, p.n, nullptr, count,
                      depth.end - depth.begin, to);
}

void multiply(const Problem& p, Range rows, Range columns, Range depth, float* packed) {
  const CpuKernels& kernels = cpu_kernels();
  const int64_t count = columns.end - columns.begin;
  const int64_t steps = depth.end - depth.begin;
  const bool accumulate = p.spec.accumulate || depth.begin > 0;
  float* c = p.c + rows.begin * p.n + columns.begin;
  if (p.spec.transpose_a) {
    OuterPanel task{};
    task.a = p.a + depth.begin * p.m + rows.begin;
    task.a_tile = kTileRows;
    task.a_stride = p.m;
    task.rows = rows.end - rows.begin;
    task.b = packed;
    task.b_stride = padded_columns(count);
    task.columns = count;
    task.steps = steps;
    task.c = c;
    task.c_stride = p.n;
    task.accumulate = accumulate;
    kernels.outer_panel(task);
    return;
  }
  const Run run{0, 0, steps};
  RowsPanel task{};
  task.a = p.a + rows.begin * p.k + depth.begin;
  task.a_stride = p.k;
  task.rows = rows.end - rows.begin;
  task.runs = &run;
  task.run_count = 1;
  task.b = task.packed = packed;
  if (p.packs_late()) task.unpacked = p.b + depth.begin * p.n + columns.begin;
  task.unpacked_stride = p.n;
  task.columns = count;
  task.c = c;
  task.c_stride = p.n;
  task.accumulate = accumulate;
  kernels.rows_panel(task);
}

// The packed rows `depth` of B against all `rows`.
void run_panel(const Problem& p, Range rows, Range columns, Range depth, float* packed) {
  const int64_t width = padded_columns(columns.end - columns.begin);
  for (int64_t row = rows.begin; row < rows.end; row += kRowsAtOnce) {
    const Range some{row, std::min(row + kRowsAtOnce, rows.end)};
    int64_t l = depth.begin;
    do {  // once even where k == 0: the product is zeros then
      const Range block{l, std::min(l + kDepth, depth.end)};
      multiply(p, some, columns, block, packed + (l - depth.begin) * width);
      l += kDepth;
    } while (l < depth.end);
  }
}

}  // namespace

void gemm(const GemmSpec& spec, ConstView a, ConstView b, View c, int threads) {
  if (a.type == ElementType::kBfloat16) return gemm_pairs(spec, a, b, c, threads);
  const Problem p{a.data,     b.data,     c.data,
                  c.shape[0], c.shape[1], spec.transpose_a ? a.shape[0] : a.shape[1],
                  spec};
  if (c.size() == 0) return;
  const int64_t width = cpu_kernels().panel;
  share_product(threads, p.m, (p.n + width - 1) / width, [&](Range rows, Range mine) {
    const int64_t at_once = p.once() ? kDepth : kPackedDepth;
    float* packed = scratch_floats(Slot::kPanel, std::min(at_once, p.k) * width);
    for (int64_t panel = mine.begin; panel < mine.end; ++panel) {
      const Range columns{panel * width, std::min((panel + 1) * width, p.n)};
      int64_t l = 0;
      do {
        const Range depth{l, std::min(l + at_once, p.k)};
        if (!p.packs_late()) pack_b(p, columns, depth, packed);
        run_panel(p, rows, columns, depth, packed);
        l += at_once;
      } while (l < p.k);
    }
  });
}

}  // namespace fedcamae::cpu
