// cuDNN's legacy convolutions as plain loops, queued on the handle's stream, sums in double.
#include <algorithm>

#include "tests/fake_gpu/conv.h"

using namespace fake_gpu;

namespace {

struct Handle {
  cudaStream_t stream = nullptr;
};

Handle& open(cudnnHandle_t handle) {
  if (!handle) throw Misuse(CUDNN_STATUS_NOT_INITIALIZED, "no handle");
  return *reinterpret_cast<Handle*>(handle);
}

std::vector<double> gather(Memory& memory, const Tensor& t, Address at, bool tf32) {
  std::vector<double> made(t.count());
  const size_t size = size_of(t.type);
  t.each([&](int64_t offset, int64_t index) {
    made[index] = load(memory.access(at + offset * size, size, Use::kRead), t.type, tf32);
  });
  return made;
}

// A pointer, and what stands at it.
struct Operand {
  Tensor tensor;
  Address at;
};

Operand operand(const Tensor& tensor, const void* pointer) {
  check(pointer, "a null pointer");
  check(reinterpret_cast<Address>(pointer) % 16 == 0, "a tensor that is not aligned to 16 bytes");
  return {tensor, reinterpret_cast<Address>(pointer)};
}

struct Scaling {
  double alpha, beta;
  Scaling(const void* a, const void* b) {
    check(a && b, "alpha or beta is null");
    alpha = *static_cast<const float*>(a);
    beta = *static_cast<const float*>(b);
  }
};

// to = alpha * sums + beta * to. Atomic additions come in any order: `jitter` stands for that with
// a last bit that differs from call to call.
void scatter(Memory& memory, const Operand& to, const std::vector<double>& sums, Scaling by,
             bool jitter) {
  const Type type = to.tensor.type;
  const size_t size = size_of(type);
  static int calls = 0;
  const double nudge = jitter && ++calls % 2 ? 1 + 0x1p-23 : 1;
  to.tensor.each([&](int64_t offset, int64_t index) {
    const Address at = to.at + offset * size;
    double value = by.alpha * sums[index] * nudge;
    if (by.beta != 0) value += by.beta * load(memory.access(at, size, Use::kRead), type, false);
    store(memory.access(at, size, Use::kWrite), type, value);
  });
}

template <class Body>
cudnnStatus_t dnn(const char* name, const Body& body) {
  return call(name, CUDNN_STATUS_EXECUTION_FAILED, body);
}

struct Workspace {
  void* at;
  size_t bytes;
};

// Four sums in turn, for one alone would wait for each addition.
double dot(const double* a, const double* b, int64_t count) {
  double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    s0 += a[i] * b[i];
    s1 += a[i + 1] * b[i + 1];
    s2 += a[i + 2] * b[i + 2];
    s3 += a[i + 3] * b[i + 3];
  }
  for (; i < count; ++i) s0 += a[i] * b[i];
  return (s0 + s1) + (s2 + s3);
}

void add_scaled(double* sums, const double* values, double by, int64_t count) {
  for (int64_t i = 0; i < count; ++i) sums[i] += values[i] * by;
}

// `row` is each_row of the sought tensor: (sums, first, second, places, length).
template <class Algorithm, class Row>
void queue(Device& device, cudnnHandle_t handle, const char* name, const Conv& conv, Algorithm algo,
           bool deterministic, Workspace workspace, Operand first, Operand second, Operand to,
           Scaling by, const Row& row) {
  supported(algo == 0 || algo == 1, fmt::format("algorithm {}", static_cast<int>(algo)));
  const size_t needed = conv.workspace(algo);
  check(workspace.at && workspace.bytes >= needed,
        fmt::format("the workspace has {} bytes, algorithm {} needs {}", workspace.bytes,
                    static_cast<int>(algo), needed));
  Memory& memory = device.memory;
  device.enqueue(open(handle).stream, name, [=, &memory] {
    const auto a = gather(memory, first.tensor, first.at, conv.tf32());
    const auto b = gather(memory, second.tensor, second.at, conv.tf32());
    std::memset(memory.access(reinterpret_cast<Address>(workspace.at), needed, Use::kWrite), 0xff,
                needed);
    std::vector<double> sums(to.tensor.count());
    conv.each_row([&](int64_t x, int64_t w, int64_t y) {
      row(sums.data(), a.data(), b.data(), x, w, y, conv.w.c);
    });
    scatter(memory, to, sums, by, !deterministic);
  });
}

// The fastest first: for gradients that is the one that adds atomically.
template <class Perf>
void list_algorithms(const Conv& conv, int asked, int* returned, Perf* results, bool atomic_first) {
  check(asked > 0 && returned && results, "no room for a result");
  *returned = std::min(asked, 2);
  for (int i = 0; i < *returned; ++i) {
    const int algo = atomic_first ? i : 1 - i;
    results[i] = Perf{};
    results[i].algo = static_cast<decltype(Perf::algo)>(algo);
    results[i].status = CUDNN_STATUS_SUCCESS;
    results[i].time = -1;
    results[i].memory = conv.workspace(results[i].algo);
    results[i].determinism =
        atomic_first && algo == 0 ? CUDNN_NON_DETERMINISTIC : CUDNN_DETERMINISTIC;
    results[i].mathType = conv.math;
  }
}

template <class Algorithm>
void size_workspace(const Conv& conv, Algorithm algo, size_t* bytes) {
  supported(algo == 0 || algo == 1, fmt::format("algorithm {}", static_cast<int>(algo)));
  *bytes = conv.workspace(algo);
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

cudnnStatus_t cudnnCreate(cudnnHandle_t* made) {
  return dnn("cudnnCreate", [&](Device&) { *made = reinterpret_cast<cudnnHandle_t>(new Handle); });
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  return dnn("cudnnDestroy", [&](Device& device) {
    device.wait_all();  // as documented
    delete &open(handle);
  });
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  return dnn("cudnnSetStream", [&](Device&) { open(handle).stream = stream; });
}

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t, const cudnnTensorDescriptor_t x,
                                                     const cudnnFilterDescriptor_t w,
                                                     const cudnnConvolutionDescriptor_t conv,
                                                     const cudnnTensorDescriptor_t y,
                                                     const int asked, int* returned,
                                                     cudnnConvolutionFwdAlgoPerf_t* results) {
  return dnn("cudnnGetConvolutionForwardAlgorithm_v7", [&](Device&) {
    list_algorithms(read(x, w, conv, y), asked, returned, results, false);
  });
}

cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(
    cudnnHandle_t, const cudnnFilterDescriptor_t w, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t conv, const cudnnTensorDescriptor_t dx, const int asked,
    int* returned, cudnnConvolutionBwdDataAlgoPerf_t* results) {
  return dnn("cudnnGetConvolutionBackwardDataAlgorithm_v7", [&](Device&) {
    list_algorithms(read(dx, w, conv, dy), asked, returned, results, true);
  });
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(
    cudnnHandle_t, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t conv, const cudnnFilterDescriptor_t dw, const int asked,
    int* returned, cudnnConvolutionBwdFilterAlgoPerf_t* results) {
  return dnn("cudnnGetConvolutionBackwardFilterAlgorithm_v7", [&](Device&) {
    list_algorithms(read(x, dw, conv, dy), asked, returned, results, true);
  });
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(
    cudnnHandle_t, const cudnnTensorDescriptor_t x, const cudnnFilterDescriptor_t w,
    const cudnnConvolutionDescriptor_t conv, const cudnnTensorDescriptor_t y,
    cudnnConvolutionFwdAlgo_t algo, size_t* bytes) {
  return dnn("cudnnGetConvolutionForwardWorkspaceSize",
             [&](Device&) { size_workspace(read(x, w, conv, y), algo, bytes); });
}

cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(
    cudnnHandle_t, const cudnnFilterDescriptor_t w, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t conv, const cudnnTensorDescriptor_t dx,
    cudnnConvolutionBwdDataAlgo_t algo, size_t* bytes) {
  return dnn("cudnnGetConvolutionBackwardDataWorkspaceSize",
             [&](Device&) { size_workspace(read(dx, w, conv, dy), algo, bytes); });
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(
    cudnnHandle_t, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t dy,
    const cudnnConvolutionDescriptor_t conv, const cudnnFilterDescriptor_t dw,
    cudnnConvolutionBwdFilterAlgo_t algo, size_t* bytes) {
  return dnn("cudnnGetConvolutionBackwardFilterWorkspaceSize",
             [&](Device&) { size_workspace(read(x, dw, conv, dy), algo, bytes); });
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha,
                                      const cudnnTensorDescriptor_t x_desc, const void* x,
                                      const cudnnFilterDescriptor_t w_desc, const void* w,
                                      const cudnnConvolutionDescriptor_t conv_desc,
                                      cudnnConvolutionFwdAlgo_t algo, void* workspace, size_t bytes,
                                      const void* beta, const cudnnTensorDescriptor_t y_desc,
                                      void* y) {
  const char* name = "cudnnConvolutionForward";
  return dnn(name, [&](Device& device) {
    const Conv conv = read(x_desc, w_desc, conv_desc, y_desc);
    queue(device, handle, name, conv, algo, true, {workspace, bytes}, operand(conv.x, x),
          operand(conv.w, w), operand(conv.y, y), {alpha, beta},
          [](double* sums, const double* px, const double* pw, int64_t ix, int64_t iw, int64_t iy,
             int64_t count) { sums[iy] += dot(px + ix, pw + iw, count); });
  });
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha,
                                           const cudnnFilterDescriptor_t w_desc, const void* w,
                                           const cudnnTensorDescriptor_t dy_desc, const void* dy,
                                           const cudnnConvolutionDescriptor_t conv_desc,
                                           cudnnConvolutionBwdDataAlgo_t algo, void* workspace,
                                           size_t bytes, const void* beta,
                                           const cudnnTensorDescriptor_t dx_desc, void* dx) {
  const char* name = "cudnnConvolutionBackwardData";
  return dnn(name, [&](Device& device) {
    const Conv conv = read(dx_desc, w_desc, conv_desc, dy_desc);
    queue(device, handle, name, conv, algo, algo == CUDNN_CONVOLUTION_BWD_DATA_ALGO_1,
          {workspace, bytes}, operand(conv.w, w), operand(conv.y, dy), operand(conv.x, dx),
          {alpha, beta},
          [](double* sums, const double* pw, const double* py, int64_t ix, int64_t iw, int64_t iy,
             int64_t count) { add_scaled(sums + ix, pw + iw, py[iy], count); });
  });
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha,
                                             const cudnnTensorDescriptor_t x_desc, const void* x,
                                             const cudnnTensorDescriptor_t dy_desc, const void* dy,
                                             const cudnnConvolutionDescriptor_t conv_desc,
                                             cudnnConvolutionBwdFilterAlgo_t algo, void* workspace,
                                             size_t bytes, const void* beta,
                                             const cudnnFilterDescriptor_t dw_desc, void* dw) {
  const char* name = "cudnnConvolutionBackwardFilter";
  return dnn(name, [&](Device& device) {
    const Conv conv = read(x_desc, dw_desc, conv_desc, dy_desc);
    queue(device, handle, name, conv, algo, algo == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1,
          {workspace, bytes}, operand(conv.x, x), operand(conv.y, dy), operand(conv.w, dw),
          {alpha, beta},
          [](double* sums, const double* px, const double* py, int64_t ix, int64_t iw, int64_t iy,
             int64_t count) { add_scaled(sums + iw, px + ix, py[iy], count); });
  });
}

cudnnStatus_t cudnnConvolutionBackwardBias(cudnnHandle_t handle, const void* alpha,
                                           const cudnnTensorDescriptor_t dy_desc, const void* dy,
                                           const void* beta, const cudnnTensorDescriptor_t db_desc,
                                           void* db) {
  return dnn("cudnnConvolutionBackwardBias", [&](Device& device) {
    const Operand from = operand(read(dy_desc), dy), to = operand(read(db_desc), db);
    const Tensor &y = from.tensor, &b = to.tensor;
    check(b.n == 1 && b.h == 1 && b.w == 1 && b.c == y.c,
          fmt::format("the bias {} does not fit dy {}", b.text(), y.text()));
    const Scaling by{alpha, beta};
    Memory& memory = device.memory;
    device.enqueue(open(handle).stream, "cudnnConvolutionBackwardBias", [=, &memory] {
      const auto values = gather(memory, from.tensor, from.at, false);
      std::vector<double> sums(to.tensor.c);
      for (size_t i = 0; i < values.size(); ++i) sums[i % sums.size()] += values[i];
      scatter(memory, to, sums, by, false);
    });
  });
}

}  // extern "C"
