// For the tests of the fake GPU: device arrays, and broken programs that must not get away with it.
#pragma once

#include <cuda_runtime_api.h>
#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <vector>

namespace fake_gpu::testing {

// Runs in a process of its own, which must fail and name the reason.
struct Broken {
  const char* name;
  const char* says;
  void (*run)();
};
// For a static object: adds to the list that "broken: ..." walks.
struct AddBroken {
  AddBroken(const char* family, std::vector<Broken> cases);
};
// Runs every broken program of the family and checks its end.
void check_broken(const std::string& family);

struct Ended {
  int status;  // of the shell: 128 + the signal where one killed it
  std::string output;
};
// This program again, as `environment program arguments`.
Ended run_again(const std::string& environment, const std::string& arguments);

// Stop the program where a call fails that should not. (Broken programs run outside of doctest.)
void require(cudaError_t error);
void require(bool succeeded);

// Floats on the device, freed at the end.
class Floats {
 public:
  explicit Floats(size_t count) : count_(count) { require(cudaMalloc(&data_, count * 4)); }
  explicit Floats(const std::vector<float>& values) : Floats(values.size()) {
    require(cudaMemcpy(data_, values.data(), values.size() * 4, cudaMemcpyHostToDevice));
    require(cudaDeviceSynchronize());
  }
  explicit Floats(std::initializer_list<float> values) : Floats(std::vector<float>(values)) {}
  ~Floats() { cudaFree(data_); }
  Floats(const Floats&) = delete;
  Floats& operator=(const Floats&) = delete;

  float* get() const { return static_cast<float*>(data_); }
  size_t count() const { return count_; }
  std::vector<float> values() const {
    std::vector<float> made(count_);
    require(cudaDeviceSynchronize());
    require(cudaMemcpy(made.data(), data_, count_ * 4, cudaMemcpyDeviceToHost));
    return made;
  }

 private:
  void* data_ = nullptr;
  size_t count_;
};

class Stream {
 public:
  Stream() { require(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

// Whole numbers from -4 to 4, the same for the same seed: exact in bfloat16, and so are sums.
std::vector<float> whole_numbers(size_t count, unsigned seed);

}  // namespace fake_gpu::testing
