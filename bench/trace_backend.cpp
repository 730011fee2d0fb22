#include "bench/trace_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace fedcamae::bench {

Call& TraceBackend::note(const std::string& op, double bytes) {
  calls.push_back({.op = op, .phase = phase, .shape = "", .bytes = bytes});
  return calls.back();
}

// An operand without storage was not given.
Call& TraceBackend::note(const std::string& op, std::initializer_list<ConstView> operands) {
  double bytes = 0;
  for (const ConstView& view : operands)
    if (view.data != nullptr) bytes += static_cast<double>(view.bytes());
  Call& call = note(op, bytes);
  call.shape = fmt::format("{}", operands.begin()->shape);
  return call;
}

void TraceBackend::copy_to_host(const void*, void* host, size_t bytes) {
  std::memset(host, 0, bytes);
  note("copy_to_host", static_cast<double>(bytes));
}

void TraceBackend::pairwise_squared_distances(std::span<const ConstView> vectors,
                                              std::span<double> table) {
  std::fill(table.begin(), table.end(), 0.0);
  double bytes = 0;
  for (const ConstView& vector : vectors) bytes += static_cast<double>(vector.bytes());
  note("pairwise_squared_distances", bytes);
}

void TraceBackend::gather(ConstView, std::span<const int32_t>, View y) { note("gather", {y}); }

void TraceBackend::coordinate_median(std::span<const ConstView> vectors, View y) {
  auto bytes = static_cast<double>(y.bytes());
  for (const ConstView& vector : vectors) bytes += static_cast<double>(vector.bytes());
  note("coordinate_median", bytes);
}

void TraceBackend::coordinate_trimmed_mean(std::span<const ConstView> vectors, int64_t, View y) {
  auto bytes = static_cast<double>(y.bytes());
  for (const ConstView& vector : vectors) bytes += static_cast<double>(vector.bytes());
  note("coordinate_trimmed_mean", bytes);
}

void TraceBackend::argmax_last(ConstView x, std::span<int32_t> y) {
  std::fill(y.begin(), y.end(), 0);
  note("argmax_last", {x});
}

void TraceBackend::gemm(const GemmSpec& spec, ConstView a, ConstView b, View c) {
  Call& call = note("gemm", {a, b, c});
  call.m = c.shape[0];
  call.n = c.shape[1];
  call.k = a.shape[spec.transpose_a ? 0 : 1];
  call.flops = 2.0 * static_cast<double>(call.m * call.n) * static_cast<double>(call.k);
}

// The product of the forward pass: pixels of y by output channels, over the window's inputs.
void TraceBackend::note_conv(const std::string& op, ConstView x, ConstView w, ConstView y,
                             const ConvSpec& spec) {
  Call& call = note(op, {x, w, y});
  call.shape =
      fmt::format("x {} w {} stride {} groups {}", x.shape, w.shape, spec.stride, spec.groups);
  call.groups = spec.groups;
  call.m = y.shape.rows();
  call.n = w.shape[0] / spec.groups;
  call.k = w.shape[1] * w.shape[2] * w.shape[3];
  call.flops = 2.0 * static_cast<double>(y.size()) * static_cast<double>(call.k);
}
void TraceBackend::conv2d(ConstView x, ConstView w, const ConvSpec& spec, View y) {
  note_conv("conv2d", x, w, y, spec);
}
// Pixels of x by input channels, over the window's outputs.
void TraceBackend::conv2d_backward_data(ConstView dy, ConstView w, const ConvSpec& spec, View dx) {
  note_conv("conv2d_backward_data", dx, w, dy, spec);
  Call& call = calls.back();
  call.m = dx.shape.rows();
  call.n = w.shape[3];
  call.k = w.shape[1] * w.shape[2] * w.shape[0] / spec.groups;
}
// Output channels by the window's inputs, over the pixels of y.
void TraceBackend::conv2d_backward_weight(ConstView dy, ConstView x, const ConvSpec& spec,
                                          View dw) {
  note_conv("conv2d_backward_weight", x, dw, dy, spec);
  Call& call = calls.back();
  std::swap(call.m, call.k);  // k = pixels
  std::swap(call.m, call.n);  // m = output channels, n = window's inputs
}

}  // namespace fedcamae::bench
