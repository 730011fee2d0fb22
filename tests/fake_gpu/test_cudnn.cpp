// cuDNN's convolutions: forward against the definition, the gradients against forward, to which
// they are adjoint: <conv(x, w), dy> = <x, backward_data(w, dy)> = <w, backward_filter(x, dy)>.
#include <cudnn.h>

#include <array>
#include <cmath>
#include <cstring>

#include "tests/fake_gpu/test_support.h"

namespace fake_gpu::testing {
namespace {

constexpr float kOne = 1, kZero = 0;

struct Shape {
  int n = 2, c = 4, h = 5, w = 6, k = 6, r = 3, s = 2, pad_h = 1, pad_w = 0, stride = 2, groups = 2;
  bool nhwc = false;
  cudnnMathType_t math = CUDNN_FMA_MATH;
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  int oh() const { return (h + 2 * pad_h - r) / stride + 1; }
  int ow() const { return (w + 2 * pad_w - s) / stride + 1; }
  int group_c() const { return c / groups; }
  size_t at(int i, int z, int y, int x, int cs, int hs, int ws) const {
    return nhwc ? ((size_t(i) * hs + y) * ws + x) * cs + z
                : ((size_t(i) * cs + z) * hs + y) * ws + x;
  }
  size_t at_x(int i, int z, int y, int x) const { return at(i, z, y, x, c, h, w); }
  size_t at_w(int i, int z, int y, int x) const { return at(i, z, y, x, group_c(), r, s); }
  size_t at_y(int i, int z, int y, int x) const { return at(i, z, y, x, k, oh(), ow()); }
  size_t size_x() const { return size_t(n) * c * h * w; }
  size_t size_w() const { return size_t(k) * group_c() * r * s; }
  size_t size_y() const { return size_t(n) * k * oh() * ow(); }
};

void ok(cudnnStatus_t status) { require(status == CUDNN_STATUS_SUCCESS); }

// Handle, descriptors and workspaces of one convolution.
struct Conv {
  explicit Conv(const Shape& shape, cudaStream_t stream = nullptr) {
    const auto format = shape.nhwc ? CUDNN_TENSOR_NHWC : CUDNN_TENSOR_NCHW;
    ok(cudnnCreate(&handle));
    ok(cudnnSetStream(handle, stream));
    for (auto* tensor : {&x, &y, &bias}) ok(cudnnCreateTensorDescriptor(tensor));
    ok(cudnnCreateFilterDescriptor(&w));
    ok(cudnnCreateConvolutionDescriptor(&conv));
    ok(cudnnSetTensor4dDescriptor(x, format, shape.type, shape.n, shape.c, shape.h, shape.w));
    ok(cudnnSetTensor4dDescriptor(y, format, shape.type, shape.n, shape.k, shape.oh(), shape.ow()));
    ok(cudnnSetTensor4dDescriptor(bias, format, shape.type, 1, shape.k, 1, 1));
    ok(cudnnSetFilter4dDescriptor(w, shape.type, format, shape.k, shape.group_c(), shape.r,
                                  shape.s));
    ok(cudnnSetConvolution2dDescriptor(conv, shape.pad_h, shape.pad_w, shape.stride, shape.stride,
                                       1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
    ok(cudnnSetConvolutionGroupCount(conv, shape.groups));
    ok(cudnnSetConvolutionMathType(conv, shape.math));
  }
  ~Conv() {
    for (auto* tensor : {x, y, bias}) cudnnDestroyTensorDescriptor(tensor);
    cudnnDestroyFilterDescriptor(w);
    cudnnDestroyConvolutionDescriptor(conv);
    cudnnDestroy(handle);
  }

  cudnnStatus_t forward(const float* from, const float* by, float* to, float alpha = 1,
                        float beta = 0, int missing = 0) {
    size_t bytes = 0;
    ok(cudnnGetConvolutionForwardWorkspaceSize(handle, x, w, conv, y, fwd, &bytes));
    return cudnnConvolutionForward(handle, &alpha, x, from, w, by, conv, fwd, workspace.get(),
                                   bytes - missing, &beta, y, to);
  }
  cudnnStatus_t backward_data(const float* by, const float* from, float* to) {
    size_t bytes = 0;
    ok(cudnnGetConvolutionBackwardDataWorkspaceSize(handle, w, y, conv, x, data, &bytes));
    return cudnnConvolutionBackwardData(handle, &kOne, w, by, y, from, conv, data, workspace.get(),
                                        bytes, &kZero, x, to);
  }
  cudnnStatus_t backward_filter(const float* from, const float* dy, float* to) {
    size_t bytes = 0;
    ok(cudnnGetConvolutionBackwardFilterWorkspaceSize(handle, x, y, conv, w, filter, &bytes));
    return cudnnConvolutionBackwardFilter(handle, &kOne, x, from, y, dy, conv, filter,
                                          workspace.get(), bytes, &kZero, w, to);
  }

  cudnnHandle_t handle = nullptr;
  cudnnTensorDescriptor_t x = nullptr, y = nullptr, bias = nullptr;
  cudnnFilterDescriptor_t w = nullptr;
  cudnnConvolutionDescriptor_t conv = nullptr;
  cudnnConvolutionFwdAlgo_t fwd = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
  cudnnConvolutionBwdDataAlgo_t data = CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
  cudnnConvolutionBwdFilterAlgo_t filter = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1;
  Floats workspace = Floats(1 << 17);
};

const AddBroken added(
    "cudnn",
    {
        {"host pointer", "cudnnConvolutionForward: reads",
         [] {
           const Shape shape;
           Conv conv(shape);
           const std::vector<float> x(shape.size_x());
           const Floats w(shape.size_w()), y(shape.size_y());
           conv.forward(x.data(), w.get(), y.get());
           cudaDeviceSynchronize();
         }},
        {"the output is too small", "past the end of the allocation",
         [] {
           const Shape shape;
           Conv conv(shape);
           const Floats x(shape.size_x()), w(shape.size_w()), y(shape.size_y() - 1);
           conv.forward(x.get(), w.get(), y.get());
           cudaDeviceSynchronize();
         }},
        {"the workspace is smaller than said", "cudnnConvolutionForward: writes",
         [] {
           const Shape shape;
           Conv conv(shape);
           const Floats x(shape.size_x()), w(shape.size_w()), y(shape.size_y()), little(1);
           cudnnConvolutionForward(conv.handle, &kOne, conv.x, x.get(), conv.w, w.get(), conv.conv,
                                   conv.fwd, little.get(), 1 << 20, &kZero, conv.y, y.get());
           cudaDeviceSynchronize();
         }},
        {"two streams share a workspace", "no event or synchronisation orders the two",
         [] {
           const Shape shape;
           const Stream one;
           Conv conv(shape);
           const Floats x(shape.size_x()), w(shape.size_w()), y(shape.size_y()), z(shape.size_y());
           conv.forward(x.get(), w.get(), y.get());
           cudnnSetStream(conv.handle, one);
           conv.forward(x.get(), w.get(), z.get());
           cudaDeviceSynchronize();
         }},
    });

TEST_CASE("broken: cudnn") { check_broken("cudnn"); }

std::vector<float> expected_forward(const Shape& t, const std::vector<float>& x,
                                    const std::vector<float>& w) {
  std::vector<float> made(t.size_y());
  for (int n = 0; n < t.n; ++n)
    for (int k = 0; k < t.k; ++k)
      for (int oh = 0; oh < t.oh(); ++oh)
        for (int ow = 0; ow < t.ow(); ++ow) {
          float sum = 0;
          for (int c = 0; c < t.group_c(); ++c)
            for (int r = 0; r < t.r; ++r)
              for (int s = 0; s < t.s; ++s) {
                const int ih = oh * t.stride - t.pad_h + r, iw = ow * t.stride - t.pad_w + s;
                if (ih < 0 || iw < 0 || ih >= t.h || iw >= t.w) continue;
                const int in = k / (t.k / t.groups) * t.group_c() + c;
                sum += x[t.at_x(n, in, ih, iw)] * w[t.at_w(k, c, r, s)];
              }
          made[t.at_y(n, k, oh, ow)] = sum;
        }
  return made;
}

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += double(a[i]) * b[i];
  return sum;
}

TEST_CASE("convolutions: layouts, groups, padding and strides; gradients are adjoint") {
  for (const bool nhwc : {false, true})
    for (const int groups : {1, 2})
      for (const int stride : {1, 2}) {
        Shape shape;
        shape.nhwc = nhwc, shape.groups = groups, shape.stride = stride;
        Conv conv(shape);
        const auto x = whole_numbers(shape.size_x(), 1), w = whole_numbers(shape.size_w(), 2),
                   g = whole_numbers(shape.size_y(), 3);
        const Floats dx(x), dw(w), dg(g), y(shape.size_y()), gx(shape.size_x()), gw(shape.size_w());
        ok(conv.forward(dx.get(), dw.get(), y.get()));
        ok(conv.backward_data(dw.get(), dg.get(), gx.get()));
        ok(conv.backward_filter(dx.get(), dg.get(), gw.get()));
        CHECK(y.values() == expected_forward(shape, x, w));
        CHECK(dot(y.values(), g) == dot(x, gx.values()));
        CHECK(dot(y.values(), g) == dot(w, gw.values()));
      }
}

TEST_CASE("scaling, and the gradient of a bias") {
  const Shape shape;
  Conv conv(shape);
  const auto x = whole_numbers(shape.size_x(), 1), w = whole_numbers(shape.size_w(), 2);
  const Floats dx(x), dw(w), y(std::vector<float>(shape.size_y(), 1.0f)), bias(shape.k);
  ok(conv.forward(dx.get(), dw.get(), y.get(), 2, 3));
  auto expected = expected_forward(shape, x, w);
  for (float& value : expected) value = 2 * value + 3;
  CHECK(y.values() == expected);
  ok(cudnnConvolutionBackwardBias(conv.handle, &kOne, conv.y, y.get(), &kZero, conv.bias,
                                  bias.get()));
  std::vector<float> sums(shape.k);
  for (int n = 0; n < shape.n; ++n)
    for (int k = 0; k < shape.k; ++k)
      for (int oh = 0; oh < shape.oh(); ++oh)
        for (int ow = 0; ow < shape.ow(); ++ow) sums[k] += expected[shape.at_y(n, k, oh, ow)];
  CHECK(bias.values() == sums);
}

TEST_CASE("TF32 unless CUDNN_FMA_MATH forbids it") {
  const float value = 1 + 0x1p-12f;  // two bits more than TF32 holds
  for (const auto math : {CUDNN_FMA_MATH, CUDNN_DEFAULT_MATH, CUDNN_TENSOR_OP_MATH}) {
    Conv conv({.n = 1,
               .c = 1,
               .h = 1,
               .w = 1,
               .k = 1,
               .r = 1,
               .s = 1,
               .pad_h = 0,
               .stride = 1,
               .groups = 1,
               .math = math});
    const Floats x({value}), w({1.0f}), y(1);
    ok(conv.forward(x.get(), w.get(), y.get()));
    CHECK(y.values()[0] == (math == CUDNN_FMA_MATH ? value : 1));
  }
}

TEST_CASE("bfloat16") {
  Conv conv({.n = 1,
             .c = 1,
             .h = 1,
             .w = 2,
             .k = 1,
             .r = 1,
             .s = 2,
             .pad_h = 0,
             .stride = 1,
             .groups = 1,
             .type = CUDNN_DATA_BFLOAT16});
  const std::array<uint16_t, 2> x{0x3f80, 0x3c00}, w{0x3f80, 0x3f80};  // 1 and 2^-7; ones
  std::array<uint16_t, 2> y{};
  const Floats dx(1), dw(1), dy(1);
  require(cudaMemcpy(dx.get(), x.data(), 4, cudaMemcpyHostToDevice));
  require(cudaMemcpy(dw.get(), w.data(), 4, cudaMemcpyHostToDevice));
  ok(conv.forward(dx.get(), dw.get(), dy.get()));
  require(cudaMemcpy(y.data(), dy.get(), 4, cudaMemcpyDeviceToHost));
  CHECK(y[0] == 0x3f81);
  CHECK(y[1] == 0xffff);  // not of the output
}

TEST_CASE("what cuDNN refuses") {
  const Shape shape;
  Conv conv(shape);
  const Floats x(shape.size_x()), w(shape.size_w()), y(shape.size_y());
  CHECK(conv.forward(x.get(), w.get(), y.get(), 1, 0, 1) == CUDNN_STATUS_BAD_PARAM);  // workspace
  CHECK(conv.forward(nullptr, w.get(), y.get()) == CUDNN_STATUS_BAD_PARAM);
  CHECK(conv.forward(x.get() + 1, w.get(), y.get()) == CUDNN_STATUS_BAD_PARAM);
  size_t bytes = 0;
  CHECK(cudnnGetConvolutionForwardWorkspaceSize(conv.handle, conv.y, conv.w, conv.conv, conv.x,
                                                conv.fwd, &bytes) == CUDNN_STATUS_BAD_PARAM);
  CHECK(cudnnGetConvolutionForwardWorkspaceSize(conv.handle, conv.x, conv.w, conv.conv, conv.y,
                                                CUDNN_CONVOLUTION_FWD_ALGO_FFT,
                                                &bytes) == CUDNN_STATUS_NOT_SUPPORTED);
  ok(cudnnSetTensor4dDescriptor(conv.y, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 2, 6, 3, 2));
  CHECK(cudnnGetConvolutionForwardWorkspaceSize(conv.handle, conv.x, conv.w, conv.conv, conv.y,
                                                conv.fwd, &bytes) == CUDNN_STATUS_BAD_PARAM);
  ok(cudnnSetTensor4dDescriptor(conv.y, CUDNN_TENSOR_NCHW, CUDNN_DATA_BFLOAT16, 2, 6, 3, 3));
  CHECK(cudnnGetConvolutionForwardWorkspaceSize(conv.handle, conv.x, conv.w, conv.conv, conv.y,
                                                conv.fwd, &bytes) == CUDNN_STATUS_NOT_SUPPORTED);
}

TEST_CASE("algorithms: the fastest gradient is not deterministic, and says so") {
  const Shape shape;
  Conv conv(shape);
  std::array<cudnnConvolutionBwdFilterAlgoPerf_t, 8> found{};
  int count = 0;
  ok(cudnnGetConvolutionBackwardFilterAlgorithm_v7(conv.handle, conv.x, conv.y, conv.conv, conv.w,
                                                   8, &count, found.data()));
  REQUIRE(count == 2);
  CHECK(found[0].determinism == CUDNN_NON_DETERMINISTIC);
  CHECK(found[1].determinism == CUDNN_DETERMINISTIC);
  const Floats x(whole_numbers(shape.size_x(), 1)), g(whole_numbers(shape.size_y(), 2)),
      dw(shape.size_w());
  for (int i = 0; i < 2; ++i) {
    conv.filter = found[i].algo;
    ok(conv.backward_filter(x.get(), g.get(), dw.get()));
    const auto first = dw.values();
    ok(conv.backward_filter(x.get(), g.get(), dw.get()));
    CHECK((dw.values() == first) == (i == 1));
  }
}

}  // namespace
}  // namespace fake_gpu::testing
