// Memory, streams and their order.
#include <cudnn.h>

#include "core/cuda/check.h"
#include "core/cuda/conv_cudnn.h"
#include "core/cuda/cuda_backend.h"
#include "core/cuda/gemm_cublas.h"
#include "core/cuda/memory.h"
#include "core/cuda/transfers.h"

namespace fedcamae {
namespace cuda {
namespace {

// Makes the GPU the calling thread's current one.
int made_current(int device) {
  require(cudaSetDevice(device), "cudaSetDevice", device);
  return device;
}

std::string name_of(int device) {
  cudaDeviceProp properties{};
  require(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties", device);
  const size_t version = cudnnGetVersion();
  return fmt::format("cuda:{} {}, cuDNN {}.{}", device, properties.name, version / 10000,
                     version / 100 % 100);
}

}  // namespace

CudaBackend::CudaBackend(const ContextOptions& options)
    : device_(made_current(options.device.index)),
      name_(name_of(device_)),
      precision_(options.precision),
      algorithms_(options.conv_algorithms),
      stream_(make_stream(device_)),
      upload_stream_(make_stream(device_)),
      so_far_(make_event(device_)),
      uploaded_(make_event(device_)),
      memory_(std::make_unique<Memory>(device_, stream_.get(), options.poison)),
      transfers_(std::make_unique<Transfers>(device_)) {}

CudaBackend::~CudaBackend() {
  (void)cudaSetDevice(device_);
  (void)cudaStreamSynchronize(upload_stream_.get());
  (void)cudaStreamSynchronize(stream_.get());
}

cudaStream_t CudaBackend::stream() {
  made_current(device_);
  return stream_.get();
}

void* CudaBackend::allocate(size_t bytes) {
  made_current(device_);
  return memory_->allocate(bytes, [this] { relieve(); });
}
void CudaBackend::release(void* block, size_t bytes) noexcept {
  (void)cudaSetDevice(device_);
  memory_->release(block, bytes);
}
void* CudaBackend::scratch(size_t bytes) {
  made_current(device_);
  return memory_->scratch(bytes, [this] { relieve(); });
}

void CudaBackend::copy(const void* from, void* to, size_t bytes) {
  if (from == to || bytes == 0) return;
  require(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream()), "cudaMemcpyAsync",
          [&] { return fmt::format("[copy] {} bytes within cuda:{}", bytes, device_); });
}
void CudaBackend::set_bytes(void* block, int value, size_t bytes) {
  if (bytes == 0) return;
  require(cudaMemsetAsync(block, value, bytes, stream()), "cudaMemsetAsync",
          [&] { return fmt::format("[fill] {} bytes of cuda:{}", bytes, device_); });
}
void CudaBackend::copy_from_host(void* to, const void* host, size_t bytes) {
  transfers_->to_device(stream(), to, host, bytes);
}
void CudaBackend::copy_to_host(const void* from, void* host, size_t bytes) {
  transfers_->to_host(stream(), from, host, bytes);
}
void CudaBackend::read_back(const void* device, void* host, size_t bytes) {
  copy_to_host(device, host, bytes);
}

// The destination may be memory that work asked for so far still uses, so the copy waits for that
// and for no more: what is asked for next runs beside it.
void CudaBackend::begin_upload(void* to, const void* host, size_t bytes) {
  order(stream(), upload_stream_.get(), so_far_, device_);
  transfers_->to_device(upload_stream_.get(), to, host, bytes);
}
void CudaBackend::finish_uploads() { order(upload_stream_.get(), stream(), uploaded_, device_); }

void CudaBackend::synchronize() {
  finish_uploads();
  require(cudaStreamSynchronize(stream()), "cudaStreamSynchronize", device_);
}

void CudaBackend::wait_for(Backend& other) {
  if (&other == this) return;
  auto& earlier = dynamic_cast<CudaBackend&>(other);  // the same device has the same kind
  order(earlier.stream(), stream(), earlier.so_far_, device_);
}

void CudaBackend::launched(const char* kernel) {
  require(cudaGetLastError(), "the launch of a kernel",
          [&] { return fmt::format("[{}] on cuda:{}", kernel, device_); });
}

}  // namespace cuda

int cuda_device_count(std::string* why) {
  int count = 0;  // stays as it is where there is no driver
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count > 0) return count;
  (void)cudaGetLastError();
  int driver = 0;
  if (why == nullptr) return 0;
  if (status == cudaSuccess || status == cudaErrorNoDevice) {
    *why = "this machine has no NVIDIA GPU";
  } else if (status != cudaErrorInsufficientDriver) {
    *why = fmt::format("cudaGetDeviceCount failed, {} ({})", cudaGetErrorString(status),
                       cudaGetErrorName(status));
  } else if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
    *why = "this machine has no NVIDIA driver";
  } else {
    *why = fmt::format("the NVIDIA driver is for CUDA {}.{} at most, this build needs {}.{}",
                       driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000,
                       CUDART_VERSION % 1000 / 10);
  }
  return 0;
}

namespace cuda {
namespace {

// In tens: 75 is 7.5, Turing, the least that CUDA 13 compiles for; 80 has bfloat16 and TF32.
constexpr int kTuring = 75, kAmpere = 80;
int capability_of(int device) {
  int major = 0, minor = 0;
  require(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device),
          "cudaDeviceGetAttribute", device);
  require(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device),
          "cudaDeviceGetAttribute", device);
  return major * 10 + minor;
}

}  // namespace
}  // namespace cuda

std::string cuda_obstacle(int index) {
  std::string why;
  const int count = cuda_device_count(&why);
  if (count == 0) return why;
  if (index >= count)
    return count == 1
               ? "this machine has one GPU, cuda:0"
               : fmt::format("this machine has {} GPUs, cuda:0 to cuda:{}", count, count - 1);
  const int capability = cuda::capability_of(index);
  if (capability >= cuda::kTuring) return "";
  return fmt::format("that GPU has compute capability {}.{}, this build needs 7.5", capability / 10,
                     capability % 10);
}

std::shared_ptr<Backend> make_cuda_backend(const ContextOptions& options) {
  const int device = options.device.index;
  const std::string why = cuda_obstacle(device);
  if (!why.empty()) fail(ErrorKind::kDevice, "[context] {}: {}", options.device.str(), why);
  const int capability = cuda::capability_of(device);
  if (options.precision != Precision::kFloat32 && capability < cuda::kAmpere)
    fail(ErrorKind::kDevice,
         "[context] {} has compute capability {}.{}, tf32 and bf16 need 8.0; use float32",
         options.device.str(), capability / 10, capability % 10);
  return std::make_shared<cuda::CudaBackend>(options);
}

}  // namespace fedcamae
