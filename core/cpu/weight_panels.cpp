#include "core/cpu/weight_panels.h"

namespace fedcamae::cpu {
namespace {

// Outputs of one axis whose tap is inside the image.
int64_t outputs_reaching(int64_t in, int64_t out, int64_t tap, const ConvShape& d) {
  int64_t count = 0;
  for (int64_t o = 0; o < out; ++o) {
    const int64_t i = o * d.stride - d.padding + tap;
    count += i >= 0 && i < in;
  }
  return count;
}

}  // namespace

void list_pixels(const ConvShape& d, int64_t images, int64_t first, int64_t count,
                 OutputPixel* pixels) {
  int64_t n = first / (d.oh * d.ow) * images;
  int64_t row = first / d.ow % d.oh;
  int64_t column = first % d.ow;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t y = row * d.stride - d.padding;
    const int64_t x = column * d.stride - d.padding;
    pixels[i] = {y, x, ((n * d.oh + row) * d.ow + column) * d.k, ((n * d.h + y) * d.w + x) * d.c};
    if (++column < d.ow) continue;
    column = 0;
    if (++row < d.oh) continue;
    row = 0;
    n += images;
  }
}

int64_t pixels_reaching(const ConvShape& d, int64_t tap) {
  return d.n * outputs_reaching(d.h, d.oh, tap / d.s, d) *
         outputs_reaching(d.w, d.ow, tap % d.s, d);
}

std::vector<Range> unreached(const ConvShape& d) {
  std::vector<Range> stretches;
  for (int64_t tap = 0; tap < d.r * d.s; ++tap) {
    if (pixels_reaching(d, tap) > 0) continue;
    const Range numbers{tap * d.group_c, (tap + 1) * d.group_c};
    if (!stretches.empty() && stretches.back().end == numbers.begin)
      stretches.back().end = numbers.end;
    else
      stretches.push_back(numbers);
  }
  return stretches;
}

PanelCut panel_cut(const ConvShape& d, int part, int parts) {
  const int64_t taps = d.r * d.s;
  const int64_t tiles = (d.group_k + kTileRows - 1) / kTileRows;
  const int64_t tap_tiles = panels_of_tap(d) * tiles;
  int64_t total = 0;
  for (int64_t tap = 0; tap < taps; ++tap) total += pixels_reaching(d, tap) * tap_tiles;
  int64_t left = total * part / parts;
  for (int64_t tap = 0; tap < taps; ++tap) {
    const int64_t cost = pixels_reaching(d, tap);  // of a tile
    if (left < cost * tap_tiles) {
      const int64_t tile = left / cost;
      return {tap * panels_of_tap(d) + tile / tiles, tile % tiles * kTileRows};
    }
    left -= cost * tap_tiles;
  }
  return {taps * panels_of_tap(d), 0};
}

}  // namespace fedcamae::cpu
