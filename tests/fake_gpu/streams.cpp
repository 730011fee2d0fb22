// Streams are lazy: work runs when somebody waits for it, in an order that the clocks allow and
// that is otherwise as unhelpful as can be.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/fake_gpu/device.h"

namespace fake_gpu {
namespace {

constexpr size_t kLongestQueue = 1024;  // launching more waits, as on a GPU

void join(Clock& into, const Clock& other) {
  if (into.size() < other.size()) into.resize(other.size());
  for (size_t i = 0; i < other.size(); ++i) into[i] = std::max(into[i], other[i]);
}

Device* the_device = nullptr;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// At exit, after the program's own exit handlers: what is still queued runs, and a fault that the
// program got over makes it fail.
__attribute__((destructor)) void finish() {
  if (!the_device) return;
  const std::lock_guard lock(the_device->mutex);
  the_device->wait_all();
  if (the_device->error() == cudaSuccess) return;
  std::fflush(nullptr);
  _exit(kFaultExit);
}

}  // namespace

void print(const std::string& text) {
  const std::string line = "fake_gpu: " + text + "\n";
  if (write(STDERR_FILENO, line.data(), line.size()) < 0) std::abort();
}

cudaError_t& last_error() {
  thread_local cudaError_t error = cudaSuccess;
  return error;
}

Device* Device::existing() { return the_device; }

Device& Device::get() {
  static Device* made = the_device = new Device;  // outlives every destructor
  return *made;
}

Device::Device() {
  const char* order = std::getenv("FAKE_GPU_ORDER");
  const std::string_view asked = order ? order : "lazy";
  if (asked == "reversed") {
    order_ = Order::kReversed;
  } else if (asked == "eager" || std::getenv("CUDA_LAUNCH_BLOCKING")) {
    order_ = Order::kEager;
  } else if (asked != "lazy") {
    print(fmt::format("FAKE_GPU_ORDER={}: know lazy, reversed, eager", asked));
    std::abort();
  }
  trace_ = std::getenv("FAKE_GPU_TRACE") != nullptr;
  streams_[nullptr] = std::make_unique<Stream>();
  streams_[nullptr]->blocking = true;
  slots_.push_back(streams_[nullptr].get());
}

cudaStream_t Device::create_stream(bool blocking) {
  auto made = std::make_unique<Stream>();
  made->blocking = blocking;
  auto free_slot = std::find(slots_.begin(), slots_.end(), nullptr);
  if (free_slot == slots_.end()) free_slot = slots_.insert(free_slot, nullptr);
  *free_slot = made.get();
  made->slot = static_cast<uint16_t>(free_slot - slots_.begin());
  const auto handle = reinterpret_cast<cudaStream_t>(made.get());
  streams_[handle] = std::move(made);
  return handle;
}

Stream& Device::stream(cudaStream_t handle) {
  const auto found = streams_.find(handle == cudaStreamLegacy ? nullptr : handle);
  if (found == streams_.end())
    throw Misuse(cudaErrorInvalidResourceHandle, "no such stream; destroyed already?");
  return *found->second;
}

// A stream may be destroyed with work queued; its work runs here, for its slot is given on.
void Device::destroy_stream(cudaStream_t handle) {
  Stream& gone = stream(handle);
  if (gone.slot == 0) throw Misuse(cudaErrorInvalidResourceHandle, "the default stream stays");
  run(gone, UINT32_MAX);
  join(gone.blocking ? slots_[0]->clock : destroyed_, gone.clock);
  slots_[gone.slot] = nullptr;
  streams_.erase(handle);
}

void Device::enqueue(cudaStream_t handle, const char* name, std::function<void()> work) {
  if (error_ != cudaSuccess) return;
  Stream& s = stream(handle);
  join(s.clock, host_);
  if (s.slot == 0) {  // the default stream and the blocking ones take turns
    for (const Stream* other : slots_)
      if (other && other->blocking) join(s.clock, other->clock);
  } else if (s.blocking) {
    join(s.clock, slots_[0]->clock);
  }
  const WorkId id = memory.add_work(s.slot, name);
  s.queue.push_back({id, name, s.clock, std::move(work)});
  if (s.clock.size() < slots_.size()) s.clock.resize(slots_.size());
  s.clock[s.slot] = id;
  if (order_ == Order::kEager || s.queue.size() > kLongestQueue) run(s, id);
}

void Device::run(Stream& s, WorkId until) {
  while (!s.queue.empty() && s.queue.front().id <= until) {
    Work work = std::move(s.queue.front());
    s.queue.pop_front();
    for (size_t slot = 0; slot < work.before.size(); ++slot)
      if (slots_[slot]) run(*slots_[slot], work.before[slot]);
    if (error_ != cudaSuccess) return;
    const WorkId id = work.id;
    run_one(std::move(work));
    s.done = id;
  }
}

void Device::run_one(Work work) {
  if (trace_)
    print(fmt::format("runs {} {} of stream {}", work.id, work.name, memory.slot_of(work.id)));
  memory.start_work(work.id, &work.before);
  try {
    work.run();
  } catch (const Fault& error) {
    fault(work.name, error.what(), cudaErrorIllegalAddress);
  } catch (const std::exception& error) {  // of a kernel: says where itself
    fault("", error.what(), cudaErrorLaunchFailure);
  }
  memory.start_work(0, nullptr);
}

void Device::wait(const Clock& clock) {
  for (size_t i = 0; i < clock.size(); ++i) {
    const size_t slot = order_ == Order::kReversed ? clock.size() - 1 - i : i;
    if (slots_[slot]) run(*slots_[slot], clock[slot]);
  }
  join(host_, clock);
}

void Device::wait_all() {
  Clock all = destroyed_;
  for (const Stream* s : slots_)
    if (s) join(all, s->clock);
  wait(all);
}

bool Device::finished(const Clock& clock) const {
  for (size_t slot = 0; slot < clock.size(); ++slot) {
    const Stream* s = slots_[slot];
    if (s && !s->queue.empty() && s->queue.front().id <= clock[slot]) return false;
  }
  return true;
}

void Device::record(Event& event, cudaStream_t handle) {
  event.seconds = std::make_shared<double>(0.0);
  enqueue(handle, "event", [seconds = event.seconds] { *seconds = now(); });
  event.clock = stream(handle).clock;
}

void Device::follow(cudaStream_t handle, const Clock& clock) { join(stream(handle).clock, clock); }

void Device::fault(const char* where, const std::string& text, cudaError_t error) {
  if (error_ != cudaSuccess) return;
  print(*where ? fmt::format("{}: {}", where, text) : text);
  error_ = error;
  for (Stream* s : slots_)
    if (s) s->queue.clear();
}

}  // namespace fake_gpu
