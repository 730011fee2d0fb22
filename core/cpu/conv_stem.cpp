#include "core/cpu/conv_narrow.h"
#include "core/cpu/gemm_parallel.h"
#include "core/cpu/typed.h"

namespace fedcamae::cpu {
namespace {

// Pixels that all tiles are summed over before the next ones are: dy's part stays near.
constexpr int64_t kPixels = 256;

struct Problem {
  const ConvShape& d;
  ConstView dy, x;
  int64_t padded_w() const { return d.w + 2 * d.padding; }
  // What a row of the kernel sees of a pixel's neighbourhood: neighbours in the image.
  int64_t kernel_row() const { return d.s * d.c; }
  int64_t row_tiles() const { return (kernel_row() + kTileRows - 1) / kTileRows; }
  int64_t columns() const { return padded_columns(d.k); }
  int64_t rows_at_once() const { return std::max<int64_t>(1, kPixels / d.ow); }
};

// A thread's tiles of the sums, the tiles of all rows of the kernel taken one after the other.
class Part {
 public:
  Part(const Problem& p, Range tiles)
      : p_(p),
        d_(p.d),
        tiles_(tiles),
        image_(scratch_floats(Slot::kImage, d_.h * p.padded_w() * d_.c)),
        sums_(scratch_floats(Slot::kSums, d_.weight_row() * p.columns())),
        offsets_(scratch_offsets(Slot::kOffsetsA, p.rows_at_once() * d_.ow)) {
    std::fill_n(image_, d_.h * p.padded_w() * d_.c, 0.0f);
    std::fill_n(sums_, d_.weight_row() * p.columns(), 0.0f);
    for (int64_t i = 0; i < p.rows_at_once() * d_.ow; ++i)
      offsets_[i] = (i / d_.ow * p.padded_w() + i % d_.ow) * d_.stride * d_.c;
  }

  void run() {
    for (int64_t n = 0; n < d_.n; ++n) {
      load_image(n);
      const float* dy = dy_of_image(n);
      for (int64_t row = 0; row < d_.oh; row += p_.rows_at_once()) {
        const Range rows{row, std::min(row + p_.rows_at_once(), d_.oh)};
        each_stretch([&](int64_t r, Range numbers) { add(rows, r, numbers, dy); });
      }
    }
  }

  template <class T>
  void write(T* dw) const {
    each_stretch([&](int64_t r, Range numbers) {
      for (int64_t k = 0; k < d_.k; ++k)
        for (int64_t i = r * p_.kernel_row() + numbers.begin; i < r * p_.kernel_row() + numbers.end;
             ++i)
          dw[k * d_.weight_row() + i] = rounded<T>(sums_[i * p_.columns() + k]);
    });
  }

 private:
  // body(r, numbers): this part's numbers of row r of the kernel.
  template <class Body>
  void each_stretch(const Body& body) const {
    for (int64_t r = 0; r < d_.r; ++r) {
      const int64_t begin = std::max(tiles_.begin - r * p_.row_tiles(), int64_t{0}) * kTileRows;
      const int64_t end = std::min((tiles_.end - r * p_.row_tiles()) * kTileRows, p_.kernel_row());
      if (begin < end) body(r, Range{begin, end});
    }
  }

  // Image n between columns of zeros.
  void load_image(int64_t n) {
    const int64_t row = d_.w * d_.c;
    for (int64_t y = 0; y < d_.h; ++y)
      copy_widened(p_.x, (n * d_.h + y) * row, row,
                   image_ + (y * p_.padded_w() + d_.padding) * d_.c);
  }

  // dy of image n, rows of whole vectors.
  const float* dy_of_image(int64_t n) const {
    const int64_t pixels = d_.oh * d_.ow;
    if (p_.dy.type == ElementType::kFloat32 && d_.k == p_.columns())
      return p_.dy.data + n * pixels * d_.k;
    float* copy = scratch_floats(Slot::kEvenA, pixels * p_.columns());
    for (int64_t i = 0; i < pixels; ++i) {
      copy_widened(p_.dy, (n * pixels + i) * d_.k, d_.k, copy + i * p_.columns());
      std::fill_n(copy + i * p_.columns() + d_.k, p_.columns() - d_.k, 0.0f);
    }
    return copy;
  }

  // Adds the pixels of some rows of the output whose row r of the kernel is inside the image.
  void add(Range rows, int64_t r, Range numbers, const float* dy) {
    while (rows.begin < rows.end && rows.begin * d_.stride + r < d_.padding) ++rows.begin;
    while (rows.begin < rows.end && (rows.end - 1) * d_.stride + r >= d_.padding + d_.h) --rows.end;
    if (rows.begin == rows.end) return;
    OuterPanel task{};
    task.a =
        image_ + (rows.begin * d_.stride + r - d_.padding) * p_.padded_w() * d_.c + numbers.begin;
    task.a_tile = kTileRows;
    task.a_offsets = offsets_;
    task.rows = numbers.end - numbers.begin;
    task.b_stride = p_.columns();
    task.steps = (rows.end - rows.begin) * d_.ow;
    task.c_stride = p_.columns();
    task.accumulate = true;
    const int64_t panel = cpu_kernels().panel;
    for (int64_t column = 0; column < p_.columns(); column += panel) {
      task.b = dy + rows.begin * d_.ow * p_.columns() + column;
      task.columns = std::min(panel, p_.columns() - column);
      task.c = sums_ + (r * p_.kernel_row() + numbers.begin) * p_.columns() + column;
      cpu_kernels().outer_panel(task);
    }
  }

  const Problem& p_;
  const ConvShape& d_;
  Range tiles_;
  float* image_;
  float* sums_;  // [r * s * c, columns]
  int64_t* offsets_;
};

}  // namespace

void stem_backward_weight(const ConvShape& d, ConstView dy, ConstView x, View dw, int threads) {
  const Problem problem{d, dy, x};
  by_type(dw.type, [&](auto number) {
    using T = decltype(number);
    in_parts(threads, [&](int part) {
      Part mine(problem, share(d.r * problem.row_tiles(), part, threads));
      mine.run();
      mine.write(reinterpret_cast<T*>(dw.data));
    });
  });
}

}  // namespace fedcamae::cpu
