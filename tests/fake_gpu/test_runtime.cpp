// Memory, copies and what the runtime says of the device.
#include <cstdlib>
#include <cstring>

#include "tests/fake_gpu/test_support.h"

namespace fake_gpu::testing {
namespace {

void* device_bytes(size_t bytes) {
  void* made = nullptr;
  require(cudaMalloc(&made, bytes));
  return made;
}

const AddBroken added(
    "runtime", {
                   {"host reads device memory", "host code touches device memory at 0x",
                    [] {
                      const Floats values(10);
                      const float read = *static_cast<volatile float*>(values.get());
                      std::exit(read > 0 ? 0 : 4);
                    }},
                   {"host writes freed device memory", "freed, once an allocation of 40 bytes",
                    [] {
                      void* block = device_bytes(40);
                      require(cudaFree(block));
                      std::memset(block, 0, 40);
                    }},
                   {"memset after free", "freed, once an allocation of 40 bytes",
                    [] {
                      void* block = device_bytes(40);
                      require(cudaFree(block));
                      cudaMemset(block, 0, 40);
                    }},
                   {"double free", "frees 0x",
                    [] {
                      void* block = device_bytes(40);
                      cudaFree(block);
                      cudaFree(block);
                    }},
                   {"free inside an allocation", "at byte 4 of the allocation",
                    [] { cudaFree(static_cast<char*>(device_bytes(40)) + 4); }},
                   {"free of host memory", "not device memory",
                    [] {
                      int value;
                      cudaFree(&value);
                    }},
                   {"copy past the end", "of 44 bytes at",
                    [] {
                      char host[48] = {};
                      cudaMemcpy(device_bytes(44), host, 48, cudaMemcpyHostToDevice);
                    }},
                   {"host reads freed pinned memory", "page-locked host memory that was freed",
                    [] {
                      void* block = nullptr;
                      require(cudaMallocHost(&block, 100));
                      require(cudaFreeHost(block));
                      std::memset(block, 0, 100);
                    }},
               });

TEST_CASE("broken: runtime") { check_broken("runtime"); }

TEST_CASE("the device") {
  int count = 0, device = -1, value = 0, driver = 0;
  CHECK(cudaGetDeviceCount(&count) == cudaSuccess);
  CHECK(count == 1);
  CHECK(cudaSetDevice(0) == cudaSuccess);
  CHECK(cudaSetDevice(1) == cudaErrorInvalidDevice);
  CHECK(cudaGetLastError() == cudaErrorInvalidDevice);
  CHECK(cudaGetLastError() == cudaSuccess);
  CHECK(cudaGetDevice(&device) == cudaSuccess);
  CHECK(device == 0);
  CHECK(cudaDeviceGetAttribute(&value, cudaDevAttrMultiProcessorCount, 0) == cudaSuccess);
  CHECK(value == 2);
  CHECK(cudaDriverGetVersion(&driver) == cudaSuccess);
  CHECK(driver == CUDART_VERSION);
}

TEST_CASE("memory: fresh bytes are NaN, addresses are not used twice, the sum is kept") {
  size_t before = 0, within = 0, after = 0, total = 0;
  require(cudaMemGetInfo(&before, &total));
  void* first = device_bytes(1000);
  require(cudaMemGetInfo(&within, &total));
  CHECK(within == before - 1000);
  std::vector<unsigned char> bytes(1000);
  require(cudaMemcpy(bytes.data(), first, 1000, cudaMemcpyDeviceToHost));
  CHECK(bytes == std::vector<unsigned char>(1000, 0xff));
  require(cudaFree(first));
  require(cudaMemGetInfo(&after, &total));
  CHECK(after == before);
  void* second = device_bytes(1000);
  CHECK(second != first);
  CHECK(reinterpret_cast<uintptr_t>(second) % 256 == 0);
  require(cudaFree(second));
  CHECK(cudaFree(nullptr) == cudaSuccess);
}

TEST_CASE("memory: too much is refused, and that can be got over") {
  void* block = &block;
  size_t available = 0, total = 0;
  require(cudaMemGetInfo(&available, &total));
  CHECK(cudaMalloc(&block, total + 1) == cudaErrorMemoryAllocation);
  CHECK(block == nullptr);
  CHECK(cudaPeekAtLastError() == cudaErrorMemoryAllocation);
  CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);
  CHECK(cudaMalloc(&block, 100) == cudaSuccess);
  CHECK(cudaFree(block) == cudaSuccess);
}

TEST_CASE("memory: FAKE_GPU_MEMORY limits it") {
  const std::string all = "--no-skip --test-case='a hundred bytes'";
  CHECK(run_again("FAKE_GPU_MEMORY=100", all).status == 0);
  CHECK(run_again("FAKE_GPU_MEMORY=99", all).status != 0);
}

TEST_CASE("a hundred bytes" * doctest::skip()) { device_bytes(100); }

TEST_CASE("copies: there and back, within the device, of the kind that the pointers have") {
  const std::vector<float> values = whole_numbers(1000, 1);
  const Floats from(values), to(1000);
  require(cudaMemcpy(to.get(), from.get(), 4000, cudaMemcpyDeviceToDevice));
  CHECK(to.values() == values);
  require(cudaMemset(to.get(), 0, 2000));
  CHECK(to.values()[499] == 0);
  CHECK(to.values()[500] == values[500]);
  std::vector<float> host(1000);
  require(cudaMemcpy(host.data(), from.get(), 4000, cudaMemcpyDefault));
  CHECK(host == values);
  CHECK(cudaMemcpy(host.data(), from.get(), 4, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(to.get(), host.data(), 4, cudaMemcpyDeviceToDevice) == cudaErrorInvalidValue);
  CHECK(cudaGetLastError() == cudaErrorInvalidValue);
}

TEST_CASE("a fault stays") {
  const Ended ended = run_again("", "--no-skip --test-case='misuse after a fault'");
  CAPTURE(ended.output);
  CHECK(ended.status == 86);
  CHECK(ended.output.find("Status: SUCCESS") != std::string::npos);
}

TEST_CASE("misuse after a fault" * doctest::skip()) {
  void* block = device_bytes(10);
  CHECK(cudaMemset(block, 0, 11) == cudaErrorIllegalAddress);
  CHECK(cudaMemset(block, 0, 10) == cudaErrorIllegalAddress);
  CHECK(cudaGetLastError() == cudaErrorIllegalAddress);
  CHECK(cudaGetLastError() == cudaErrorIllegalAddress);
}

}  // namespace
}  // namespace fake_gpu::testing
