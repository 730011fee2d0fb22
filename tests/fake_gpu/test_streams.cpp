// Streams, events and what nothing orders.
#include <cstdlib>
#include <cstring>
#include <thread>

#include "tests/fake_gpu/test_support.h"

namespace fake_gpu::testing {
namespace {

// An int whose bytes are all `byte`.
int bytes_of(unsigned byte) { return static_cast<int>(byte * 0x01010101u); }

// Ints in page-locked memory, each of bytes that are all `byte`.
int* pinned(size_t count, int byte) {
  void* made = nullptr;
  require(cudaMallocHost(&made, count * 4));
  std::memset(made, byte, count * 4);
  return static_cast<int*>(made);
}

class Event {
 public:
  Event() { require(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); }
  ~Event() { cudaEventDestroy(event_); }
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

const AddBroken added(
    "streams",
    {
        {"reads what another stream writes", "reads 0x",
         [] {
           const Stream one, two;
           const Floats a(100), b(100);
           require(cudaMemsetAsync(a.get(), 0, 400, one));
           require(cudaMemcpyAsync(b.get(), a.get(), 400, cudaMemcpyDeviceToDevice, two));
           cudaStreamSynchronize(one);
           cudaStreamSynchronize(two);
         }},
        {"the same, when the reader comes first", "which memcpy on another stream reads",
         [] {
           const Stream one, two;
           const Floats a(100), b(100);
           require(cudaMemcpyAsync(b.get(), a.get(), 400, cudaMemcpyDeviceToDevice, two));
           require(cudaMemsetAsync(a.get(), 0, 400, one));
           cudaStreamSynchronize(two);
           cudaStreamSynchronize(one);
         }},
        {"two streams write", "which memset on another stream writes",
         [] {
           const Stream one, two;
           const Floats a(100);
           require(cudaMemsetAsync(a.get(), 0, 400, one));
           require(cudaMemsetAsync(a.get() + 99, 0, 4, two));
           cudaDeviceSynchronize();
         }},
        {"the event was recorded too early", "no event or synchronisation orders the two",
         [] {
           const Stream one, two;
           const Floats a(100);
           const Event event;
           require(cudaEventRecord(event, one));
           require(cudaMemsetAsync(a.get(), 0, 400, one));
           require(cudaStreamWaitEvent(two, event, 0));
           require(cudaMemsetAsync(a.get(), 1, 400, two));
           cudaDeviceSynchronize();
         }},
        {"cudaMemset goes on after it returns", "no event or synchronisation orders the two",
         [] {
           const Stream one;
           const Floats a(100), b(100);
           require(cudaMemset(a.get(), 0, 400));
           require(cudaMemcpyAsync(b.get(), a.get(), 400, cudaMemcpyDeviceToDevice, one));
           cudaDeviceSynchronize();
         }},
        {"what a destroyed stream did is not waited for",
         "no event or synchronisation orders the two",
         [] {
           const Stream two;
           void* block = nullptr;
           require(cudaMalloc(&block, 400));
           {
             const Stream one;
             require(cudaMemsetAsync(block, 0, 400, one));
           }
           require(cudaMemsetAsync(block, 0, 400, two));
           cudaDeviceSynchronize();
         }},
        {"a fault in work that nobody waits for", "no event or synchronisation orders the two",
         [] {
           static const Stream one, two;
           void* block = nullptr;
           require(cudaMalloc(&block, 400));
           require(cudaMemsetAsync(block, 0, 400, one));
           require(cudaMemsetAsync(block, 0, 400, two));
           std::exit(0);
         }},
    });

TEST_CASE("broken: streams") { check_broken("streams"); }

TEST_CASE("page-locked memory: results are there once the stream was waited for, not before") {
  const Stream stream;
  const Floats a(10);
  int* host = pinned(10, 7);
  require(cudaMemsetAsync(a.get(), 1, 40, stream));
  require(cudaMemcpyAsync(host, a.get(), 40, cudaMemcpyDeviceToHost, stream));
  CHECK(host[9] == bytes_of(7));
  require(cudaStreamSynchronize(stream));
  CHECK(host[9] == bytes_of(1));
  require(cudaFreeHost(host));
}

TEST_CASE("page-locked memory is read when the copy runs, pageable memory when it is asked for") {
  const Stream stream;
  const Floats a(1), b(1);
  int* late = pinned(1, 1);
  int early = bytes_of(1), from_late = 0, from_early = 0;
  require(cudaMemcpyAsync(a.get(), late, 4, cudaMemcpyHostToDevice, stream));
  require(cudaMemcpyAsync(b.get(), &early, 4, cudaMemcpyHostToDevice, stream));
  *late = early = bytes_of(2);
  require(cudaMemcpyAsync(&from_late, a.get(), 4, cudaMemcpyDeviceToHost, stream));
  require(cudaMemcpyAsync(&from_early, b.get(), 4, cudaMemcpyDeviceToHost, stream));
  CHECK(from_late == bytes_of(2));
  CHECK(from_early == bytes_of(1));
  require(cudaFreeHost(late));
}

TEST_CASE("events order streams, whatever is waited for first") {
  for (const bool last_first : {false, true}) {
    const Stream one, two;
    const Floats a(100), b(100);
    const Event written, read;
    require(cudaMemsetAsync(a.get(), 1, 400, one));
    require(cudaEventRecord(written, one));
    require(cudaStreamWaitEvent(two, written, 0));
    require(cudaMemcpyAsync(b.get(), a.get(), 400, cudaMemcpyDeviceToDevice, two));
    require(cudaEventRecord(read, two));
    require(cudaStreamWaitEvent(one, read, 0));
    require(cudaMemsetAsync(a.get(), 2, 400, one));
    require(cudaStreamSynchronize(last_first ? two : one));
    require(cudaStreamSynchronize(last_first ? one : two));
    int first = 0, second = 0;
    require(cudaMemcpy(&first, b.get(), 4, cudaMemcpyDeviceToHost));
    require(cudaMemcpy(&second, a.get(), 4, cudaMemcpyDeviceToHost));
    CHECK(first == bytes_of(1));
    CHECK(second == bytes_of(2));
  }
}

TEST_CASE("waiting for one stream orders what is asked for afterwards") {
  const Stream one, two;
  const Floats a(100);
  require(cudaMemsetAsync(a.get(), 1, 400, one));
  require(cudaStreamSynchronize(one));
  require(cudaMemsetAsync(a.get(), 2, 400, two));
  CHECK(cudaStreamSynchronize(two) == cudaSuccess);
}

TEST_CASE("a stream may be destroyed with work queued; waiting for the device counts for it too") {
  const Floats a(100);
  {
    const Stream one;
    require(cudaMemsetAsync(a.get(), 1, 400, one));
  }
  require(cudaDeviceSynchronize());
  const Stream two;
  require(cudaMemsetAsync(a.get(), 2, 400, two));
  CHECK(cudaStreamSynchronize(two) == cudaSuccess);
}

TEST_CASE("an event that is seen to be done orders what comes after") {
  const Stream one, two;
  const Floats a(100);
  const Event event;
  require(cudaMemsetAsync(a.get(), 1, 400, one));
  require(cudaEventRecord(event, one));
  while (cudaEventQuery(event) == cudaErrorNotReady) (void)cudaGetLastError();
  require(cudaMemsetAsync(a.get(), 2, 400, two));
  CHECK(cudaStreamSynchronize(two) == cudaSuccess);
}

TEST_CASE("blocking streams take turns with the default stream") {
  cudaStream_t one = nullptr, two = nullptr;
  require(cudaStreamCreate(&one));
  require(cudaStreamCreate(&two));
  const Floats a(100);
  require(cudaMemsetAsync(a.get(), 1, 400, one));
  require(cudaMemset(a.get(), 2, 400));
  require(cudaMemsetAsync(a.get(), 3, 400, two));
  require(cudaStreamSynchronize(two));
  int value = 0;
  require(cudaMemcpy(&value, a.get(), 4, cudaMemcpyDeviceToHost));
  CHECK(value == bytes_of(3));
  require(cudaStreamDestroy(one));
  require(cudaStreamDestroy(two));
  CHECK(cudaMemsetAsync(a.get(), 1, 400, one) == cudaErrorInvalidResourceHandle);
  CHECK(cudaGetLastError() == cudaErrorInvalidResourceHandle);
}

TEST_CASE("queries: not ready until somebody asked, then the time between events") {
  const Stream stream;
  const Floats a(100);
  cudaEvent_t first = nullptr, last = nullptr;
  require(cudaEventCreate(&first));
  require(cudaEventCreate(&last));
  float milliseconds = -1;
  CHECK(cudaEventQuery(first) == cudaSuccess);
  CHECK(cudaEventElapsedTime(&milliseconds, first, last) == cudaErrorInvalidResourceHandle);
  require(cudaEventRecord(first, stream));
  require(cudaMemsetAsync(a.get(), 0, 400, stream));
  require(cudaEventRecord(last, stream));
  CHECK(cudaStreamQuery(stream) == cudaErrorNotReady);
  CHECK(cudaStreamQuery(stream) == cudaSuccess);
  require(cudaEventRecord(last, stream));
  CHECK(cudaEventElapsedTime(&milliseconds, first, last) == cudaErrorNotReady);
  CHECK(cudaEventQuery(last) == cudaErrorNotReady);
  CHECK(cudaEventQuery(last) == cudaSuccess);
  CHECK(cudaEventElapsedTime(&milliseconds, first, last) == cudaSuccess);
  CHECK(milliseconds >= 0);
  require(cudaEventDestroy(first));
  require(cudaEventDestroy(last));
  cudaGetLastError();
}

TEST_CASE("more work than a queue holds; FAKE_GPU_ORDER changes no result") {
  const Stream stream;
  const Floats a(1);
  for (int i = 0; i < 3000; ++i) require(cudaMemsetAsync(a.get(), i % 100, 4, stream));
  int value = 0;
  require(cudaMemcpyAsync(&value, a.get(), 4, cudaMemcpyDeviceToHost, stream));
  CHECK(value == bytes_of(99));
}

TEST_CASE("several host threads, each with a stream of its own") {
  std::vector<std::thread> threads;
  std::vector<int> results(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t, &results] {
      const Stream stream;
      const Floats a(1000), b(1000);
      for (int i = 0; i < 50; ++i) {
        require(cudaMemsetAsync(a.get(), t * 50 + i, 4000, stream));
        require(cudaMemcpyAsync(b.get(), a.get(), 4000, cudaMemcpyDeviceToDevice, stream));
      }
      require(cudaMemcpyAsync(&results[t], b.get() + 999, 4, cudaMemcpyDeviceToHost, stream));
    });
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < 4; ++t) CHECK(results[t] == bytes_of(t * 50 + 49));
}

}  // namespace
}  // namespace fake_gpu::testing
