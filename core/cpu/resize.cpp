#include <cmath>
#include <vector>

#include "core/cpu/cpu_backend.h"
#include "core/cpu/parallel.h"

namespace fedcamae::cpu {
namespace {

// Where a coordinate of the output lies between two of the input.
struct Between {
  int64_t low, high;
  float weight;  // of `high`
};
Between between(int64_t out, int64_t out_size, int64_t in_size) {
  const double scale = static_cast<double>(in_size) / static_cast<double>(out_size);
  const double at = std::max(0.0, (static_cast<double>(out) + 0.5) * scale - 0.5);
  const int64_t low = std::min(static_cast<int64_t>(at), in_size - 1);
  return {low, std::min(low + 1, in_size - 1), static_cast<float>(at - static_cast<double>(low))};
}

inline float mix(float low, float high, float weight) {
  return low * (1.0f - weight) + high * weight;
}

}  // namespace

void CpuBackend::resize_bilinear(ConstView x, View y) {
  const Shape &in = x.shape, &out = y.shape;
  const int64_t channels = in.c();
  std::vector<Between> across(static_cast<size_t>(out.w()));
  for (int64_t w = 0; w < out.w(); ++w)
    across[static_cast<size_t>(w)] = between(w, out.w(), in.w());
  in_ranges(threads_, out.n() * out.h(), y.size(), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const Between v = between(row % out.h(), out.h(), in.h());
      const float* image = x.data + row / out.h() * in.h() * in.w() * channels;
      const float* top = image + v.low * in.w() * channels;
      const float* bottom = image + v.high * in.w() * channels;
      for (int64_t w = 0; w < out.w(); ++w) {
        const Between& u = across[static_cast<size_t>(w)];
        float* to = y.data + (row * out.w() + w) * channels;
        for (int64_t c = 0; c < channels; ++c) {
          const int64_t left = u.low * channels + c, right = u.high * channels + c;
          to[c] = mix(mix(top[left], top[right], u.weight),
                      mix(bottom[left], bottom[right], u.weight), v.weight);
        }
      }
    }
  });
}

}  // namespace fedcamae::cpu
