// Bilinear resize, half-pixel centres, edge clamped.
#include "core/cuda/cuda_backend.h"
#include "core/cuda/launch.cuh"
#include "core/cuda/storage.cuh"

namespace fedcamae::cuda {
namespace {

struct ResizeSizes {
  int64_t images, height, width, out_height, out_width, channels;
};
// Where a coordinate of the output lies between two of the input.
struct Between {
  int64_t low, high;
  float weight;  // of `high`
};
// In double and without contraction, so that every device sees the same weights.
__device__ inline Between between(int64_t out, int64_t out_size, int64_t in_size) {
  const double scale = static_cast<double>(in_size) / static_cast<double>(out_size);
  const double center = __dmul_rn(static_cast<double>(out) + 0.5, scale);
  const double at = fmax(0.0, __dadd_rn(center, -0.5));
  const int64_t low = min(static_cast<int64_t>(at), in_size - 1);
  return {low, min(low + 1, in_size - 1), static_cast<float>(at - static_cast<double>(low))};
}

template <int kLanes>
__device__ inline Values<kLanes> mix(const Values<kLanes>& low, const Values<kLanes>& high,
                                     float weight) {
  Values<kLanes> mixed;
#pragma unroll
  for (int i = 0; i < kLanes; ++i) mixed.at[i] = low.at[i] * (1.0f - weight) + high.at[i] * weight;
  return mixed;
}

// A thread takes kLanes channels of some pixels of the output and reads the four pixels around
// each.
template <class A>
__global__ void __launch_bounds__(kThreads)
    resize_bilinear_kernel(const float* x, float* y, ResizeSizes s) {
  const Place place = place_over(A::kLanes);
  if (place.channel >= s.channels) return;
  const int64_t rows = s.images * s.out_height * s.out_width;
  for (int64_t row = place.row; row < rows; row += place.step) {
    const int64_t line = row / s.out_width;
    const int64_t image = line / s.out_height;
    const Between v = between(line - image * s.out_height, s.out_height, s.height);
    const Between u = between(row - line * s.out_width, s.out_width, s.width);
    const auto at = [&](int64_t h, int64_t w) {
      const int64_t pixel = (image * s.height + h) * s.width + w;
      return load<A>(x + pixel * s.channels + place.channel);
    };
    const auto top = mix(at(v.low, u.low), at(v.low, u.high), u.weight);
    const auto bottom = mix(at(v.high, u.low), at(v.high, u.high), u.weight);
    store<A>(y + row * s.channels + place.channel, mix(top, bottom, v.weight));
  }
}

}  // namespace

void CudaBackend::resize_bilinear(ConstView x, View y) {
  if (y.size() == 0) return;
  const Shape &in = x.shape, &out = y.shape;
  const ResizeSizes sizes{in.n(), in.h(), in.w(), out.h(), out.w(), in.c()};
  with_access<float>(in.c(), aligned(x.data, y.data), [&](auto access) {
    using A = decltype(access);
    const dim3 block = block_over(out.rows(), in.c(), A::kLanes);
    resize_bilinear_kernel<A>
        <<<grid_over(out.rows(), in.c(), A::kLanes, block), block, 0, stream()>>>(x.data, y.data,
                                                                                  sizes);
  });
  launched("resize_bilinear");
}

}  // namespace fedcamae::cuda
