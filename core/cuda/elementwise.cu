// Elementwise operations, all of them map_kernel (map.cuh) with the formulas of core/functors.h.
#include "core/cuda/cuda_backend.h"
#include "core/cuda/map.cuh"

namespace fedcamae::cuda {
namespace {

template <class F>
struct Forward {
  __device__ float operator()(float x) const { return F{}.forward(x); }
};
template <class F>
struct Backward {
  __device__ float operator()(float dy, float kept) const { return F{}.backward(dy, kept); }
};
struct Constant {
  float value;
  __device__ float operator()() const { return value; }
};
struct Identity {
  __device__ float operator()(float x) const { return x; }
};
struct Axpy {
  float alpha;
  __device__ float operator()(float y, float x) const { return y + alpha * x; }
};
struct Scale {
  float alpha;
  __device__ float operator()(float x) const { return x * alpha; }
};
struct Clamp {
  float low, high;
  __device__ float operator()(float x) const {  // a NaN passes both comparisons
    return x < low ? low : x > high ? high : x;
  }
};

}  // namespace

void CudaBackend::fill(View y, float value) {
  with_storage(y.type, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    map(stream(), Constant{value}, y.size(), data_of<T>(y));
  });
  launched("fill");
}

void CudaBackend::cast(ConstView x, View y) {
  if (x.type == y.type) return copy(x.data, y.data, x.bytes());
  if (y.type == ElementType::kBfloat16) {
    map(stream(), Identity{}, x.size(), y.bf16(), x.data);
  } else {
    map(stream(), Identity{}, x.size(), y.data, x.bf16());
  }
  launched("cast");
}

void CudaBackend::unary(Unary f, ConstView x, View y) {
  with_storage(y.type, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    fn::visit(f, [&](auto function) {
      map(stream(), Forward<decltype(function)>{}, y.size(), data_of<T>(y), data_of<T>(x));
    });
  });
  launched("unary");
}

void CudaBackend::unary_backward(Unary f, ConstView dy, ConstView kept, View dx) {
  with_storage(dx.type, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    fn::visit(f, [&](auto function) {
      map(stream(), Backward<decltype(function)>{}, dx.size(), data_of<T>(dx), data_of<T>(dy),
          data_of<T>(kept));
    });
  });
  launched("unary_backward");
}

void CudaBackend::binary(Binary f, ConstView a, ConstView b, View y) {
  with_storage(y.type, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    fn::visit(f, [&](auto function) {
      map(stream(), function, y.size(), data_of<T>(y), data_of<T>(a), data_of<T>(b));
    });
  });
  launched("binary");
}

void CudaBackend::axpy(float alpha, ConstView x, View y) {
  map(stream(), Axpy{alpha}, y.size(), y.data, y.data, x.data);
  launched("axpy");
}

void CudaBackend::scale(float alpha, View x) {
  map(stream(), Scale{alpha}, x.size(), x.data, x.data);
  launched("scale");
}

void CudaBackend::clamp(float low, float high, View x) {
  map(stream(), Clamp{low, high}, x.size(), x.data, x.data);
  launched("clamp");
}

}  // namespace fedcamae::cuda
