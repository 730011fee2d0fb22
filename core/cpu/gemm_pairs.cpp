// Matrix product of bfloat16: rows of pairs against packed panels of pairs, sums in float32.
#include "core/cpu/kernels.h"
#include "core/cpu/pairs.h"

namespace fedcamae::cpu {
namespace {

struct Problem {
  GemmSpec spec;
  const float* a;  // [m, depth] pairs
  ConstView b;     // b.data: rows of `depth` pairs where transposed
  View c;
  int64_t m, n, k;
  int64_t depth() const { return (k + 1) / 2; }
  bool rounds() const { return c.type == ElementType::kBfloat16; }
};

// a transposed, [m, k], each row with a zero behind it where k is odd.
const float* transposed(const ConstView& a, int64_t m, int64_t k) {
  const int64_t row = k + k % 2;
  auto* to = scratch_of<uint16_t>(Slot::kEvenA, m * row);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t l = 0; l < k; ++l) to[i * row + l] = halves(a)[l * m + i];
    if (row > k) to[i * row + k] = 0;
  }
  return reinterpret_cast<const float*>(to);
}

// All rows of the columns [j, j + columns) of op(B).
void pack_b(const Problem& p, Range columns, float* to) {
  const int64_t count = columns.end - columns.begin;
  if (p.spec.transpose_b)
    cpu_kernels().pack_transposed(p.b.data + columns.begin * p.depth(), p.depth(), count, p.depth(),
                                  to);
  else
    cpu_kernels().pack_row_pairs(halves(p.b) + columns.begin, 2 * p.n, nullptr, p.n, p.k / 2, count,
                                 p.depth(), to);
}

// What is added to: the numbers of c as float32.
void widen_c(const Problem& p, Range rows, Range columns, float* to, int64_t to_stride) {
  for (int64_t i = rows.begin; i < rows.end; ++i)
    cpu_kernels().widen_row(halves(p.c) + i * p.n + columns.begin, columns.end - columns.begin,
                            to + (i - rows.begin) * to_stride);
}

void run_rows(const Problem& p, Range rows, Range columns, const float* packed) {
  const CpuKernels& kernels = cpu_kernels();
  const int64_t at = rows.begin * p.n + columns.begin;
  RowsPanel task{};
  task.a_stride = p.depth();
  task.rows = rows.end - rows.begin;
  task.run_count = 1;
  task.columns = columns.end - columns.begin;
  task.c = p.c.data + at;
  task.c_stride = p.n;
  if (p.rounds()) {
    task.c = scratch_floats(Slot::kSums, kRowsAtOnce * kernels.panel);
    task.c_stride = kernels.panel;
    task.rounded_stride = p.n;
    if (p.spec.accumulate) widen_c(p, rows, columns, task.c, task.c_stride);
  }
  int64_t l = 0;
  do {  // once even where k == 0: the product is zeros then
    const Run run{0, 0, std::min(kDepth, p.depth() - l)};
    task.runs = &run;
    task.a = p.a + rows.begin * p.depth() + l;
    task.b = packed + l * padded_columns(task.columns);
    task.accumulate = p.spec.accumulate || l > 0;
    l += kDepth;
    if (p.rounds() && l >= p.depth()) task.rounded = halves(p.c) + at;
    kernels.rows_panel_pairs(task);
  } while (l < p.depth());
}

void run_part(const Problem& p, Range rows, Range panels) {
  const int64_t width = cpu_kernels().panel;
  float* packed = scratch_floats(Slot::kPanel, p.depth() * width);
  for (int64_t panel = panels.begin; panel < panels.end; ++panel) {
    const Range columns{panel * width, std::min((panel + 1) * width, p.n)};
    pack_b(p, columns, packed);
    for (int64_t row = rows.begin; row < rows.end; row += kRowsAtOnce)
      run_rows(p, {row, std::min(row + kRowsAtOnce, rows.end)}, columns, packed);
  }
}

}  // namespace

void gemm_pairs(const GemmSpec& spec, ConstView a, ConstView b, View c, int threads) {
  if (c.size() == 0) return;
  const int64_t m = c.shape[0], n = c.shape[1], k = a.shape[spec.transpose_a ? 0 : 1];
  if (spec.transpose_b && k > 0) b.data = even_blocks(Slot::kEvenB, b, k);
  const float* rows = a.data;
  if (spec.transpose_a)
    rows = transposed(a, m, k);
  else if (k > 0)
    rows = even_blocks(Slot::kEvenA, a, k);
  const Problem p{spec, rows, b, c, m, n, k};
  const int64_t width = cpu_kernels().panel;
  share_product(threads, m, (n + width - 1) / width,
                [&](Range some, Range panels) { run_part(p, some, panels); });
}

}  // namespace fedcamae::cpu
