// A backend that computes nothing and writes down what it was asked: which primitives a step calls,
// on what shapes. Memory is taken but never touched; numbers read back are zeros.
#pragma once

#include <initializer_list>
#include <new>
#include <string>
#include <vector>

#include "core/backend.h"

namespace fedcamae::bench {

struct Call {
  std::string op, phase;
  std::string shape;  // of the operand that names a layer best: a convolution's x, w and y
  double flops = 0;   // of convolutions and matrix products, 2 a multiply-add
  double bytes = 0;   // every operand once, batch norm's input twice: its mean comes first
  // The product it is: [m, k] x [k, n], in each of `groups`; 0 where it is none.
  int64_t m = 0, n = 0, k = 0, groups = 1;
};

class TraceBackend final : public Backend {
 public:
  std::vector<Call> calls;
  std::string phase;

  std::string name() const override { return "trace"; }

  void* allocate(size_t bytes) override { return ::operator new (bytes, std::align_val_t{64}); }
  void release(void* block, size_t) noexcept override {
    ::operator delete (block, std::align_val_t{64});
  }
  void copy(const void*, void*, size_t bytes) override { note("copy", 2.0 * double(bytes)); }
  void copy_from_host(void*, const void*, size_t bytes) override {
    note("copy_from_host", double(bytes));
  }
  void copy_to_host(const void*, void* host, size_t bytes) override;
  void set_bytes(void*, int, size_t bytes) override { note("set_bytes", double(bytes)); }
  void fill(View y, float) override { note("fill", {y}); }
  void cast(ConstView x, View y) override { note("cast", {x, y}); }
  void synchronize() override {}
  void wait_for(Backend&) override {}

  void unary(Unary, ConstView x, View y) override { note("unary", {x, y}); }
  void unary_backward(Unary, ConstView dy, ConstView kept, View dx) override {
    note("unary_backward", {dy, kept, dx});
  }
  void binary(Binary, ConstView a, ConstView b, View y) override { note("binary", {a, b, y}); }
  void axpy(float, ConstView x, View y) override { note("axpy", {x, y, y}); }
  void scale(float, View x) override { note("scale", {x, x}); }
  void clamp(float, float, View x) override { note("clamp", {x, x}); }
  void add_row(ConstView b, View x) override { note("add_row", {b, x, x}); }
  void scale_channels(ConstView x, ConstView gate, View y) override {
    note("scale_channels", {x, gate, y});
  }
  void scale_channels_backward(ConstView dy, ConstView x, ConstView gate, View dx,
                               View dgate) override {
    note("scale_channels_backward", {dy, x, gate, dx, dgate});
  }

  double sum(ConstView x) override { return note("sum", {x}), 0; }
  double dot(ConstView a, ConstView b) override { return note("dot", {a, b}), 0; }
  double squared_distance(ConstView a, ConstView b) override {
    return note("squared_distance", {a, b}), 0;
  }
  void pairwise_squared_distances(std::span<const ConstView> vectors,
                                  std::span<double> table) override;
  void transpose(ConstView x, View y) override { note("transpose", {x, y}); }
  void gather(ConstView x, std::span<const int32_t> at, View y) override;
  void coordinate_median(std::span<const ConstView> vectors, View y) override;
  void coordinate_trimmed_mean(std::span<const ConstView> vectors, int64_t trim, View y) override;
  bool all_finite(ConstView x) override { return note("all_finite", {x}), true; }
  void sum_rows(ConstView x, View y) override { note("sum_rows", {x, y}); }
  void sum_last(ConstView x, View y) override { note("sum_last", {x, y}); }
  void argmax_last(ConstView x, std::span<int32_t> y) override;
  void minmax_last(ConstView x, View low, View high) override { note("minmax", {x, low, high}); }
  void scale_to_unit_last(View x) override { note("scale_to_unit_last", {x, x}); }
  void fill_normal(const RandomKey&, double, double, View y) override { note("fill_normal", {y}); }
  void fill_uniform(const RandomKey&, int64_t, double, double, View y) override {
    note("fill_uniform", {y});
  }

  void gemm(const GemmSpec& spec, ConstView a, ConstView b, View c) override;
  void conv2d(ConstView x, ConstView w, const ConvSpec& spec, View y) override;
  void conv2d_backward_data(ConstView dy, ConstView w, const ConvSpec& spec, View dx) override;
  void conv2d_backward_weight(ConstView dy, ConstView x, const ConvSpec& spec, View dw) override;

  void max_pool(ConstView x, const PoolSpec&, View y) override { note("max_pool", {x, y}); }
  void max_pool_backward(ConstView dy, ConstView x, const PoolSpec&, View dx) override {
    note("max_pool_backward", {dy, x, dx});
  }
  void avg_pool(ConstView x, const PoolSpec&, View y) override { note("avg_pool", {x, y}); }
  void avg_pool_backward(ConstView dy, const PoolSpec&, View dx) override {
    note("avg_pool_backward", {dy, dx});
  }
  void global_avg_pool(ConstView x, View y) override { note("global_avg_pool", {x, y}); }
  void global_avg_pool_backward(ConstView dy, View dx) override {
    note("global_avg_pool_backward", {dy, dx});
  }
  void resize_bilinear(ConstView x, View y) override { note("resize_bilinear", {x, y}); }

  void batch_norm_train(ConstView x, ConstView, ConstView, ConstView residual, const BatchNormSpec&,
                        View, View, View y, BatchNormStats) override {
    note("batch_norm_train", {x, x, residual, y});
  }
  void batch_norm_train_backward(ConstView dy, ConstView x, ConstView y, ConstView,
                                 const BatchNormSpec& spec, BatchNormStats,
                                 BatchNormGrads out) override {
    const ConstView kept = spec.relu ? y : ConstView();
    note("batch_norm_train_backward", {dy, dy, x, x, kept, kept, out.dx, out.dresidual});
  }
  void batch_norm_eval(ConstView x, ConstView, ConstView, ConstView residual, const BatchNormSpec&,
                       ConstView, ConstView, View y) override {
    note("batch_norm_eval", {x, residual, y});
  }
  void batch_norm_eval_backward(ConstView dy, ConstView, ConstView y, ConstView,
                                const BatchNormSpec& spec, ConstView, ConstView,
                                BatchNormGrads out) override {
    note("batch_norm_eval_backward", {dy, spec.relu ? y : ConstView(), out.dx, out.dresidual});
  }

  void softmax_cross_entropy(ConstView logits, std::span<const int32_t>, float, View probabilities,
                             View loss_per_row) override {
    note("softmax_cross_entropy", {logits, probabilities, loss_per_row});
  }
  void softmax_cross_entropy_backward(ConstView, ConstView probabilities, std::span<const int32_t>,
                                      float, View dlogits) override {
    note("softmax_cross_entropy_backward", {probabilities, dlogits});
  }
  void sgd_step(const SgdSpec&, int64_t, ConstView grad, View parameter, View momentum) override {
    note("sgd_step", {grad, parameter, parameter, momentum, momentum});
  }
  void adam_step(const AdamSpec&, int64_t, ConstView grad, View parameter, View m,
                 View v) override {
    note("adam_step", {grad, parameter, parameter, m, m, v, v});
  }

 private:
  Call& note(const std::string& op, double bytes);
  Call& note(const std::string& op, std::initializer_list<ConstView> operands);
  void note_conv(const std::string& op, ConstView x, ConstView w, ConstView y,
                 const ConvSpec& spec);
};

}  // namespace fedcamae::bench
