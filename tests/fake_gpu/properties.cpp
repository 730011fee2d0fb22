// What the runtime says of the device: one small GPU of compute capability 9.0.
#include <cstring>

#include "tests/fake_gpu/device.h"

using namespace fake_gpu;

namespace {

constexpr int kMultiprocessors = 2;
constexpr int kSharedPerBlockOptIn = 227 * 1024;

cudaDeviceProp properties(const Device& device) {
  cudaDeviceProp made{};
  std::strcpy(made.name, "fake GPU");
  made.totalGlobalMem = device.memory.total();
  made.sharedMemPerBlock = 48 * 1024;
  made.sharedMemPerBlockOptin = kSharedPerBlockOptIn;
  made.sharedMemPerMultiprocessor = 228 * 1024;
  made.regsPerBlock = made.regsPerMultiprocessor = 65536;
  made.warpSize = 32;
  made.maxThreadsPerBlock = 1024;
  made.maxThreadsPerMultiProcessor = 2048;
  made.maxBlocksPerMultiProcessor = 32;
  made.maxThreadsDim[0] = made.maxThreadsDim[1] = 1024;
  made.maxThreadsDim[2] = 64;
  made.maxGridSize[0] = 0x7fffffff;
  made.maxGridSize[1] = made.maxGridSize[2] = 65535;
  made.totalConstMem = 65536;
  made.major = 9;
  made.multiProcessorCount = kMultiprocessors;
  made.unifiedAddressing = made.concurrentKernels = made.asyncEngineCount = 1;
  made.textureAlignment = 512;
  made.memoryBusWidth = 64;
  made.l2CacheSize = 1 << 20;
  return made;
}

int attribute(const cudaDeviceProp& of, cudaDeviceAttr asked) {
  switch (asked) {
    case cudaDevAttrComputeCapabilityMajor:
      return of.major;
    case cudaDevAttrComputeCapabilityMinor:
      return of.minor;
    case cudaDevAttrMultiProcessorCount:
      return of.multiProcessorCount;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      return of.maxThreadsPerMultiProcessor;
    case cudaDevAttrMaxThreadsPerBlock:
      return of.maxThreadsPerBlock;
    case cudaDevAttrWarpSize:
      return of.warpSize;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      return static_cast<int>(of.sharedMemPerBlock);
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      return kSharedPerBlockOptIn;
    default:
      throw Misuse(cudaErrorInvalidValue, "attribute " + std::to_string(asked) + " is not faked");
  }
}

void check_device(int device) {
  if (device != 0) throw Misuse(cudaErrorInvalidDevice, "there is only device 0");
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  return call("cudaGetDeviceCount", [&](Device&) { *count = 1; });
}

cudaError_t cudaSetDevice(int device) {
  return call("cudaSetDevice", [&](Device&) { check_device(device); });
}

cudaError_t cudaGetDevice(int* device) {
  return call("cudaGetDevice", [&](Device&) { *device = 0; });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* made, int device) {
  return call("cudaGetDeviceProperties", [&](Device& of) {
    check_device(device);
    *made = properties(of);
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr asked, int device) {
  return call("cudaDeviceGetAttribute", [&](Device& of) {
    check_device(device);
    *value = attribute(properties(of), asked);
  });
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

}  // extern "C"
