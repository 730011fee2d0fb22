// The calls of the CUDA runtime that this fake knows. Others reach NVIDIA's own library, which
// fails with cudaErrorInsufficientDriver.
#include <fmt/format.h>
#include <sys/mman.h>

#include <bit>
#include <cstdlib>
#include <cstring>

#include "tests/fake_gpu/device.h"

using namespace fake_gpu;

namespace {

Address address_of(const void* pointer) { return reinterpret_cast<Address>(pointer); }

// Page-locked host memory: address -> bytes.
std::map<const std::byte*, size_t>& pinned() {
  static auto* const blocks = new std::map<const std::byte*, size_t>;
  return *blocks;
}

bool is_pinned(const void* pointer, size_t bytes) {
  const auto* at = static_cast<const std::byte*>(pointer);
  auto after = pinned().upper_bound(at);
  if (after == pinned().begin()) return false;
  --after;
  return at + bytes <= after->first + after->second;
}

void* allocate_pinned(size_t bytes) {
  void* made = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (made == MAP_FAILED) throw Misuse(cudaErrorMemoryAllocation, "out of host memory");
  std::memset(made, 0xff, bytes);
  pinned()[static_cast<std::byte*>(made)] = bytes;
  return made;
}

// Refuses a copy at once where its direction is wrong; a wrong range is a fault.
void check_end(Device& device, const void* pointer, size_t bytes, bool on_device, Use use) {
  const char* end = use == Use::kRead ? "source" : "destination";
  if (device.memory.owns(pointer) != on_device)
    throw Misuse(cudaErrorInvalidValue,
                 fmt::format("the kind says that the {} {} is {} memory, which it is not", end,
                             fmt::ptr(pointer), on_device ? "device" : "host"));
  if (on_device) device.memory.find(address_of(pointer), bytes, use);
}

void copy(Device& device, void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
          cudaStream_t stream, bool wait) {
  if (bytes == 0) return;
  if (kind == cudaMemcpyDefault)
    kind = static_cast<cudaMemcpyKind>((device.memory.owns(from) ? 2 : 0) +
                                       (device.memory.owns(to) ? 1 : 0));
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  check_end(device, from, bytes, from_device, Use::kRead);
  check_end(device, to, bytes, to_device, Use::kWrite);
  // Pageable memory is read at once; pinned memory when the copy runs.
  std::shared_ptr<std::vector<std::byte>> staged;
  if (!from_device && !is_pinned(from, bytes)) {
    const auto* begin = static_cast<const std::byte*>(from);
    staged = std::make_shared<std::vector<std::byte>>(begin, begin + bytes);
  }
  Memory& memory = device.memory;
  device.enqueue(stream, "memcpy", [=, &memory] {
    const void* source = staged        ? staged->data()
                         : from_device ? memory.access(address_of(from), bytes, Use::kRead)
                                       : from;
    std::memmove(to_device ? memory.access(address_of(to), bytes, Use::kWrite) : to, source, bytes);
  });
  // As documented: results in pageable memory are waited for; a staged copy, and one within the
  // device, goes on after the call returns.
  const bool to_pageable = !to_device && !is_pinned(to, bytes);
  if (to_pageable || (wait && !staged && kind != cudaMemcpyDeviceToDevice)) device.wait(stream);
}

void set(Device& device, void* to, int value, size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return;
  check_end(device, to, bytes, true, Use::kWrite);
  Memory& memory = device.memory;
  device.enqueue(stream, "memset", [=, &memory] {
    std::memset(memory.access(address_of(to), bytes, Use::kWrite), value, bytes);
  });
}

Event& event_of(cudaEvent_t event) {
  if (!event) throw Misuse(cudaErrorInvalidResourceHandle, "no event");
  return *reinterpret_cast<Event*>(event);
}

cudaError_t query(Device& device, const Clock& clock) {
  const bool finished = device.finished(clock);
  device.wait(clock);  // so that asking again and again ends
  return finished ? cudaSuccess : cudaErrorNotReady;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

cudaError_t cudaMalloc(void** made, size_t bytes) {
  return call("cudaMalloc", [&](Device& device) {
    *made = nullptr;
    if (bytes == 0) return cudaSuccess;
    *made = std::bit_cast<void*>(device.memory.allocate(bytes));
    return *made ? cudaSuccess : cudaErrorMemoryAllocation;
  });
}

cudaError_t cudaFree(void* block) {
  return call("cudaFree", [&](Device& device) {
    if (!block) return;
    device.wait_all();
    if (device.error() == cudaSuccess) device.memory.release(address_of(block));
  });
}

cudaError_t cudaMallocHost(void** made, size_t bytes) {
  return call("cudaMallocHost", [&](Device&) { *made = bytes ? allocate_pinned(bytes) : nullptr; });
}

cudaError_t cudaHostAlloc(void** made, size_t bytes, unsigned) {
  return call("cudaHostAlloc", [&](Device&) { *made = bytes ? allocate_pinned(bytes) : nullptr; });
}

cudaError_t cudaFreeHost(void* block) {
  return call("cudaFreeHost", [&](Device& device) {
    if (!block) return;
    device.wait_all();
    const auto found = pinned().find(static_cast<std::byte*>(block));
    if (found == pinned().end())
      throw Misuse(cudaErrorInvalidValue, "not what cudaMallocHost gave, or freed already");
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    if (mmap(block, found->second, PROT_NONE, flags, -1, 0) == MAP_FAILED) std::abort();
    device.freed_pinned.push_back({found->first, found->second});
    pinned().erase(found);
  });
}

cudaError_t cudaMemGetInfo(size_t* available, size_t* total) {
  return call("cudaMemGetInfo", [&](Device& device) {
    *total = device.memory.total();
    *available = *total - device.memory.used();
  });
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  return call("cudaMemcpy",
              [&](Device& device) { copy(device, to, from, bytes, kind, nullptr, true); });
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return call("cudaMemcpyAsync",
              [&](Device& device) { copy(device, to, from, bytes, kind, stream, false); });
}

cudaError_t cudaMemset(void* to, int value, size_t bytes) {
  return call("cudaMemset", [&](Device& device) { set(device, to, value, bytes, nullptr); });
}

cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  return call("cudaMemsetAsync", [&](Device& device) { set(device, to, value, bytes, stream); });
}

cudaError_t cudaStreamCreate(cudaStream_t* made) {
  return call("cudaStreamCreate", [&](Device& device) { *made = device.create_stream(true); });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* made, unsigned flags) {
  return call("cudaStreamCreateWithFlags", [&](Device& device) {
    *made = device.create_stream(flags != cudaStreamNonBlocking);
  });
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return call("cudaStreamDestroy", [&](Device& device) { device.destroy_stream(stream); });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return call("cudaStreamSynchronize", [&](Device& device) { device.wait(stream); });
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return call("cudaStreamQuery",
              [&](Device& device) { return query(device, Clock(device.stream(stream).clock)); });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return call("cudaStreamWaitEvent",
              [&](Device& device) { device.follow(stream, event_of(event).clock); });
}

cudaError_t cudaEventCreate(cudaEvent_t* made) {
  return call("cudaEventCreate",
              [&](Device&) { *made = reinterpret_cast<cudaEvent_t>(new Event); });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* made, unsigned) { return cudaEventCreate(made); }

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return call("cudaEventRecord", [&](Device& device) { device.record(event_of(event), stream); });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return call("cudaEventSynchronize", [&](Device& device) { device.wait(event_of(event).clock); });
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return call("cudaEventQuery",
              [&](Device& device) { return query(device, event_of(event).clock); });
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  return call("cudaEventElapsedTime", [&](Device& device) {
    const Event &first = event_of(from), &last = event_of(to);
    if (first.clock.empty() || last.clock.empty()) return cudaErrorInvalidResourceHandle;
    if (!device.finished(first.clock) || !device.finished(last.clock)) return cudaErrorNotReady;
    *milliseconds = static_cast<float>((*last.seconds - *first.seconds) * 1e3);
    return cudaSuccess;
  });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return call("cudaEventDestroy", [&](Device&) { delete &event_of(event); });
}

cudaError_t cudaDeviceSynchronize() {
  return call("cudaDeviceSynchronize", [](Device& device) { device.wait_all(); });
}

cudaError_t cudaPeekAtLastError() {
  const cudaError_t error = call("cudaPeekAtLastError", [](Device&) {});
  return error != cudaSuccess ? error : last_error();
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = cudaPeekAtLastError();
  last_error() = cudaSuccess;
  return error;
}

}  // extern "C"
