// A convolution weight's Adam step where its gradient is a sum over few pixels: block by block, the
// gradient made in the L2 cache and used there, so that it is neither written to memory nor read.
#include "core/cpu/conv_narrow.h"
#include "core/cpu/weight_panels.h"

namespace fedcamae::cpu {
namespace {

// Floats of a block, and those of one row of the weight in it.
constexpr int64_t kBlock = 32 * 1024;
constexpr int64_t kLongestRow = 8 * 1024;

// The pixels that each tap reaches, as offsets into dy and x.
struct TapPixels {
  const int64_t* dy;
  const int64_t* x;
  const int64_t* counts;
};
TapPixels list_taps(const ConvShape& d) {
  const int64_t taps = d.r * d.s;
  const int64_t pixel_count = d.n * d.oh * d.ow;
  OutputPixel* pixels = scratch_of<OutputPixel>(Slot::kPixels, pixel_count);
  list_pixels(d, 1, 0, pixel_count, pixels);
  int64_t* dy = scratch_offsets(Slot::kOffsetsA, taps * kDepth);
  int64_t* x = scratch_offsets(Slot::kOffsetsB, taps * kDepth);
  int64_t* counts = scratch_offsets(Slot::kRuns, taps);
  for (int64_t tap = 0; tap < taps; ++tap) {
    const int64_t r = tap / d.s, s = tap % d.s;
    int64_t count = 0;
    for (int64_t i = 0; i < pixel_count; ++i) {
      if (!reaches(d, pixels[i], r, s)) continue;
      dy[tap * kDepth + count] = pixels[i].dy_from;
      x[tap * kDepth + count++] = pixels[i].x_from + (r * d.w + s) * d.c;
    }
    counts[tap] = count;
  }
  return {dy, x, counts};
}

// gradient [rows, columns]: of these output channels, and of these numbers of each one's weight.
void make_block(const ConvShape& d, const float* dy, const float* x, const TapPixels& pixels,
                Range rows, Range columns, float* gradient) {
  OuterPanel task{};
  task.a = dy + rows.begin;
  task.a_tile = kTileRows;
  task.rows = rows.end - rows.begin;
  task.c_stride = columns.end - columns.begin;
  for (int64_t at = columns.begin; at < columns.end; at += task.columns) {
    const int64_t tap = at / d.c, channel = at % d.c;
    task.columns = std::min({cpu_kernels().panel, d.c - channel, columns.end - at});
    task.a_offsets = pixels.dy + tap * kDepth;
    task.b_offsets = pixels.x + tap * kDepth;
    task.b = x + channel;
    task.steps = pixels.counts[tap];
    task.c = gradient + (at - columns.begin);
    cpu_kernels().outer_panel(task);
  }
}

void step_block(const ConvShape& d, const AdamStep& step, Range rows, Range columns,
                const float* gradient) {
  const int64_t height = rows.end - rows.begin, width = columns.end - columns.begin;
  const int64_t at = rows.begin * d.weight_row() + columns.begin;
  if (width == d.weight_row())
    return cpu_kernels().adam(part_of(step, at, height * width, gradient));
  for (int64_t row = 0; row < height; ++row)
    cpu_kernels().adam(part_of(step, at + row * d.weight_row(), width, gradient + row * width));
}

}  // namespace

bool weight_step(ConstView dy, ConstView x, const ConvSpec& spec, const AdamUpdate& update,
                 int threads) {
  const ConvShape d = conv_shape(x.shape, update.parameter.shape, dy.shape, spec);
  if (d.groups != 1 || is_narrow(d) || d.c % cpu_kernels().vector != 0 ||
      d.n * d.oh * d.ow > kDepth)
    return false;
  const AdamStep step = adam_step_of(update, nullptr);
  const int64_t width = std::min(d.weight_row(), kLongestRow);
  const int64_t height = std::max(kBlock / width / kTileRows, int64_t{1}) * kTileRows;
  const int64_t blocks = (d.k + height - 1) / height;
  in_parts(threads, [&](int part) {
    const TapPixels pixels = list_taps(d);
    float* gradient = scratch_floats(Slot::kTiles, height * width);
    const Range mine = share(blocks, part, threads);
    for (int64_t block = mine.begin; block < mine.end; ++block) {
      const Range rows{block * height, std::min((block + 1) * height, d.k)};
      for (int64_t begin = 0; begin < d.weight_row(); begin += width) {
        const Range columns{begin, std::min(begin + width, d.weight_row())};
        make_block(d, dy.data, x.data, pixels, rows, columns, gradient);
        step_block(d, step, rows, columns, gradient);
      }
    }
  });
  return true;
}

}  // namespace fedcamae::cpu
