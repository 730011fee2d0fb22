// Convolutions by cuDNN.
#include "core/cuda/conv_cudnn.h"

#include "core/cuda/check.h"
#include "core/cuda/cuda_backend.h"

namespace fedcamae::cuda {
namespace {

constexpr size_t kAlignment = 256;
constexpr size_t aligned_size(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}
// cuDNN reads 16 bytes at a time. Blocks of the pool begin where it can; windows of flat buffers
// may begin at any number.
bool is_aligned(const void* data) { return reinterpret_cast<uintptr_t>(data) % 16 == 0; }

constexpr float kOne = 1.0f, kZero = 0.0f;  // result = 1 * convolution + 0 * result

}  // namespace

Dnn::Dnn(int device, cudaStream_t stream, Precision precision, ConvAlgorithms algorithms,
         const std::function<void()>& relieve)
    : precision_(precision), algorithms_(algorithms) {
  const auto what = [device] { return fmt::format("[conv2d] on cuda:{}", device); };
  cudnnHandle_t handle = nullptr;
  cudnnStatus_t status = cudnnCreate(&handle);
  if (status != CUDNN_STATUS_SUCCESS) {  // more than one of its errors mean that memory ran out
    relieve();
    status = cudnnCreate(&handle);
  }
  require(status, "cudnnCreate", what);
  handle_.reset(handle);
  require(cudnnSetStream(handle, stream), "cudnnSetStream", what);
}

Dnn& CudaBackend::dnn() {
  if (dnn_ == nullptr)
    dnn_ = std::make_unique<Dnn>(device_, stream(), precision_, algorithms_, [this] { relieve(); });
  return *dnn_;
}

// call(plan, a, b, workspace, result) with pointers that cuDNN takes: what is not aligned is
// copied.
template <class Call>
void CudaBackend::convolve(const ConvProblem& problem, ConstView a, ConstView b, View result,
                           const Call& call) {
  if (result.size() == 0) return;
  if (a.size() == 0 || b.size() == 0) return set_bytes(result.data, 0, result.bytes());
  const ConvPlan& plan = dnn().plan(problem);
  const auto room_for = [](ConstView view) {
    return is_aligned(view.data) ? 0 : aligned_size(view.bytes());
  };
  char* room = static_cast<char*>(
      scratch(aligned_size(plan.workspace) + room_for(a) + room_for(b) + room_for(result)));
  void* workspace = room;
  room += aligned_size(plan.workspace);
  const auto place_of = [&](ConstView view) {
    char* place = room;
    room += room_for(view);
    return is_aligned(view.data) ? const_cast<float*>(view.data) : static_cast<void*>(place);
  };
  void *first = place_of(a), *second = place_of(b), *to = place_of(result);
  copy(a.data, first, a.bytes());  // within one place: nothing
  copy(b.data, second, b.bytes());
  call(plan, first, second, workspace, to);
  copy(to, result.data, result.bytes());
}

void CudaBackend::conv2d(ConstView x, ConstView w, const ConvSpec& spec, View y) {
  const ConvProblem problem{ConvPass::kForward, x.type, x.shape, w.shape, y.shape, spec, device_};
  convolve(problem, x, w, y, [&](const ConvPlan& p, auto a, auto b, void* workspace, void* result) {
    require(cudnnConvolutionForward(dnn().handle(), &kOne, p.x.get(), a, p.w.get(), b, p.conv.get(),
                                    static_cast<cudnnConvolutionFwdAlgo_t>(p.algorithm), workspace,
                                    p.workspace, &kZero, p.y.get(), result),
            "cudnnConvolutionForward", [&] { return problem.str(); });
  });
}

void CudaBackend::conv2d_backward_data(ConstView dy, ConstView w, const ConvSpec& spec, View dx) {
  const ConvProblem problem{
      ConvPass::kBackwardData, dy.type, dx.shape, w.shape, dy.shape, spec, device_};
  convolve(problem, w, dy, dx,
           [&](const ConvPlan& p, auto a, auto b, void* workspace, void* result) {
             require(cudnnConvolutionBackwardData(
                         dnn().handle(), &kOne, p.w.get(), a, p.y.get(), b, p.conv.get(),
                         static_cast<cudnnConvolutionBwdDataAlgo_t>(p.algorithm), workspace,
                         p.workspace, &kZero, p.x.get(), result),
                     "cudnnConvolutionBackwardData", [&] { return problem.str(); });
           });
}

void CudaBackend::conv2d_backward_weight(ConstView dy, ConstView x, const ConvSpec& spec, View dw) {
  const ConvProblem problem{
      ConvPass::kBackwardWeight, x.type, x.shape, dw.shape, dy.shape, spec, device_};
  convolve(problem, x, dy, dw,
           [&](const ConvPlan& p, auto a, auto b, void* workspace, void* result) {
             require(cudnnConvolutionBackwardFilter(
                         dnn().handle(), &kOne, p.x.get(), a, p.y.get(), b, p.conv.get(),
                         static_cast<cudnnConvolutionBwdFilterAlgo_t>(p.algorithm), workspace,
                         p.workspace, &kZero, p.w.get(), result),
                     "cudnnConvolutionBackwardFilter", [&] { return problem.str(); });
           });
}

}  // namespace fedcamae::cuda
