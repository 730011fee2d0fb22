// Calls of the CUDA runtime: each is checked, and each of its objects has an owner.
#pragma once

#include <cuda_runtime.h>

#include <memory>
#include <type_traits>

#include "core/error.h"

namespace fedcamae::cuda {

// Throws where `status` is an error. `what()` says in one piece what was being done, on which
// device and with which shapes; it is asked only then.
template <class What>
void require(cudaError_t status, const char* call, const What& what) {
  if (status == cudaSuccess) [[likely]]
    return;
  (void)cudaGetLastError();  // else the next launch would be blamed
  fail(ErrorKind::kDevice,
       "{}: {} failed, {} ({}); the cause may lie in work asked for earlier, which "
       "CUDA_LAUNCH_BLOCKING=1 in the environment shows",
       what(), call, cudaGetErrorString(status), cudaGetErrorName(status));
}
inline void require(cudaError_t status, const char* call, int device) {
  require(status, call, [device] { return fmt::format("[cuda:{}]", device); });
}

struct DestroyStream {
  void operator()(cudaStream_t stream) const noexcept { (void)cudaStreamDestroy(stream); }
};
struct DestroyEvent {
  void operator()(cudaEvent_t event) const noexcept { (void)cudaEventDestroy(event); }
};
using Stream = std::unique_ptr<std::remove_pointer_t<cudaStream_t>, DestroyStream>;
using Event = std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, DestroyEvent>;

// On the calling thread's current device, which is `device`. A stream takes no turns with CUDA's
// default stream; an event keeps no time.
inline Stream make_stream(int device) {
  cudaStream_t stream = nullptr;
  require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags",
          device);
  return Stream(stream);
}
inline Event make_event(int device) {
  cudaEvent_t event = nullptr;
  require(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags",
          device);
  return Event(event);
}

// What `later` does next comes after what `earlier` was given so far.
inline void order(cudaStream_t earlier, cudaStream_t later, const Event& event, int device) {
  require(cudaEventRecord(event.get(), earlier), "cudaEventRecord", device);
  require(cudaStreamWaitEvent(later, event.get(), 0), "cudaStreamWaitEvent", device);
}

}  // namespace fedcamae::cuda
