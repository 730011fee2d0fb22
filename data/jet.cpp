// matplotlib's "jet" (matplotlib/_cm.py): straight lines between these points, sampled at 256
// places, bytes by truncation.
#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "data/image_io.h"

namespace fedcamae {
namespace {

struct Point {
  double x, y;
};
constexpr std::array<Point, 5> kRed{{{0, 0}, {0.35, 0}, {0.66, 1}, {0.89, 1}, {1, 0.5}}};
constexpr std::array<Point, 6> kGreen{
    {{0, 0}, {0.125, 0}, {0.375, 1}, {0.64, 1}, {0.91, 0}, {1, 0}}};
constexpr std::array<Point, 5> kBlue{{{0, 0.5}, {0.11, 1}, {0.34, 1}, {0.65, 0}, {1, 0}}};

// At sample `index` of 256; the order of operations is matplotlib's, so that truncation agrees.
uint8_t value(std::span<const Point> points, double index) {
  size_t i = 1;
  while (i + 1 < points.size() && points[i].x * 255 < index) ++i;
  const Point a = points[i - 1], b = points[i];
  const double along = (index - a.x * 255) / (b.x * 255 - a.x * 255);
  return static_cast<uint8_t>((along * (b.y - a.y) + a.y) * 255);
}

}  // namespace

void jet(float v, uint8_t rgb[3]) {
  if (std::isnan(v)) {  // matplotlib's colour for bad values, without its transparency
    std::fill(rgb, rgb + 3, uint8_t{0});
    return;
  }
  const double x = std::floor(std::clamp(static_cast<double>(v) * 256, 0.0, 255.0));
  rgb[0] = value(kRed, x);
  rgb[1] = value(kGreen, x);
  rgb[2] = value(kBlue, x);
}

}  // namespace fedcamae
