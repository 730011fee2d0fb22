// A backend that times the primitives of another one.
#include "core/backend.h"
#include "core/profile.h"

namespace fedcamae {
namespace {

class ProfiledBackend final : public Backend {
 public:
  ProfiledBackend(std::shared_ptr<Backend> inner, std::shared_ptr<Profile> profile)
      : inner_(std::move(inner)), profile_(std::move(profile)) {}

  std::string name() const override { return inner_->name(); }
  void* allocate(size_t bytes) override { return inner_->allocate(bytes); }
  void release(void* block, size_t bytes) noexcept override { inner_->release(block, bytes); }
  void synchronize() override { inner_->synchronize(); }
  // A backend knows only its own kind.
  void wait_for(Backend& other) override {
    auto* profiled = dynamic_cast<ProfiledBackend*>(&other);
    inner_->wait_for(profiled == nullptr ? other : *profiled->inner_);
  }

  void copy(const void* from, void* to, size_t bytes) override {
    return run("copy", &Backend::copy, from, to, bytes);
  }
  void copy_from_host(void* to, const void* host, size_t bytes) override {
    return run("copy_from_host", &Backend::copy_from_host, to, host, bytes);
  }
  void copy_to_host(const void* from, void* host, size_t bytes) override {
    return run("copy_to_host", &Backend::copy_to_host, from, host, bytes);
  }
  void begin_upload(void* to, const void* host, size_t bytes) override {
    return run("begin_upload", &Backend::begin_upload, to, host, bytes);
  }
  void finish_uploads() override { return run("finish_uploads", &Backend::finish_uploads); }
  void set_bytes(void* block, int value, size_t bytes) override {
    return run("set_bytes", &Backend::set_bytes, block, value, bytes);
  }
  void fill(View y, float value) override { return run("fill", &Backend::fill, y, value); }
  void cast(ConstView x, View y) override { return run("cast", &Backend::cast, x, y); }
  void unary(Unary f, ConstView x, View y) override {
    return run("unary", &Backend::unary, f, x, y);
  }
  void unary_backward(Unary f, ConstView dy, ConstView kept, View dx) override {
    return run("unary_backward", &Backend::unary_backward, f, dy, kept, dx);
  }
  void binary(Binary f, ConstView a, ConstView b, View y) override {
    return run("binary", &Backend::binary, f, a, b, y);
  }
  void axpy(float alpha, ConstView x, View y) override {
    return run("axpy", &Backend::axpy, alpha, x, y);
  }
  void scale(float alpha, View x) override { return run("scale", &Backend::scale, alpha, x); }
  void clamp(float low, float high, View x) override {
    return run("clamp", &Backend::clamp, low, high, x);
  }
  void add_row(ConstView b, View x) override { return run("add_row", &Backend::add_row, b, x); }
  void scale_channels(ConstView x, ConstView gate, View y) override {
    return run("scale_channels", &Backend::scale_channels, x, gate, y);
  }
  void scale_channels_backward(ConstView dy, ConstView x, ConstView gate, View dx,
                               View dgate) override {
    return run("scale_channels_backward", &Backend::scale_channels_backward, dy, x, gate, dx,
               dgate);
  }
  double sum(ConstView x) override { return run("sum", &Backend::sum, x); }
  double dot(ConstView a, ConstView b) override { return run("dot", &Backend::dot, a, b); }
  double squared_distance(ConstView a, ConstView b) override {
    return run("squared_distance", &Backend::squared_distance, a, b);
  }
  void pairwise_squared_distances(std::span<const ConstView> vectors,
                                  std::span<double> table) override {
    return run("pairwise_squared_distances", &Backend::pairwise_squared_distances, vectors, table);
  }
  void coordinate_median(std::span<const ConstView> vectors, View y) override {
    return run("coordinate_median", &Backend::coordinate_median, vectors, y);
  }
  void coordinate_trimmed_mean(std::span<const ConstView> vectors, int64_t trim, View y) override {
    return run("coordinate_trimmed_mean", &Backend::coordinate_trimmed_mean, vectors, trim, y);
  }
  void gather(ConstView x, std::span<const int32_t> at, View y) override {
    return run("gather", &Backend::gather, x, at, y);
  }
  bool all_finite(ConstView x) override { return run("all_finite", &Backend::all_finite, x); }
  void sum_rows(ConstView x, View y) override { return run("sum_rows", &Backend::sum_rows, x, y); }
  void sum_last(ConstView x, View y) override { return run("sum_last", &Backend::sum_last, x, y); }
  void argmax_last(ConstView x, std::span<int32_t> y) override {
    return run("argmax_last", &Backend::argmax_last, x, y);
  }
  void minmax_last(ConstView x, View low, View high) override {
    return run("minmax_last", &Backend::minmax_last, x, low, high);
  }
  void scale_to_unit_last(View x) override {
    return run("scale_to_unit_last", &Backend::scale_to_unit_last, x);
  }
  void fill_normal(const RandomKey& key, double mean, double deviation, View y) override {
    return run("fill_normal", &Backend::fill_normal, key, mean, deviation, y);
  }
  void fill_uniform(const RandomKey& key, int64_t first, double low, double high, View y) override {
    return run("fill_uniform", &Backend::fill_uniform, key, first, low, high, y);
  }
  void gemm(const GemmSpec& spec, ConstView a, ConstView b, View c) override {
    return run("gemm", &Backend::gemm, spec, a, b, c);
  }
  void conv2d(ConstView x, ConstView w, const ConvSpec& spec, View y) override {
    return run("conv2d", &Backend::conv2d, x, w, spec, y);
  }
  void conv2d_backward_data(ConstView dy, ConstView w, const ConvSpec& spec, View dx) override {
    return run("conv2d_backward_data", &Backend::conv2d_backward_data, dy, w, spec, dx);
  }
  void conv2d_backward_weight(ConstView dy, ConstView x, const ConvSpec& spec, View dw) override {
    return run("conv2d_backward_weight", &Backend::conv2d_backward_weight, dy, x, spec, dw);
  }
  void max_pool(ConstView x, const PoolSpec& spec, View y) override {
    return run("max_pool", &Backend::max_pool, x, spec, y);
  }
  void max_pool_backward(ConstView dy, ConstView x, const PoolSpec& spec, View dx) override {
    return run("max_pool_backward", &Backend::max_pool_backward, dy, x, spec, dx);
  }
  void avg_pool(ConstView x, const PoolSpec& spec, View y) override {
    return run("avg_pool", &Backend::avg_pool, x, spec, y);
  }
  void avg_pool_backward(ConstView dy, const PoolSpec& spec, View dx) override {
    return run("avg_pool_backward", &Backend::avg_pool_backward, dy, spec, dx);
  }
  void global_avg_pool(ConstView x, View y) override {
    return run("global_avg_pool", &Backend::global_avg_pool, x, y);
  }
  void global_avg_pool_backward(ConstView dy, View dx) override {
    return run("global_avg_pool_backward", &Backend::global_avg_pool_backward, dy, dx);
  }
  void resize_bilinear(ConstView x, View y) override {
    return run("resize_bilinear", &Backend::resize_bilinear, x, y);
  }
  void batch_norm_train(ConstView x, ConstView gamma, ConstView beta, ConstView residual,
                        const BatchNormSpec& spec, View running_mean, View running_var, View y,
                        BatchNormStats saved) override {
    return run("batch_norm_train", &Backend::batch_norm_train, x, gamma, beta, residual, spec,
               running_mean, running_var, y, saved);
  }
  void batch_norm_train_backward(ConstView dy, ConstView x, ConstView y, ConstView gamma,
                                 const BatchNormSpec& spec, BatchNormStats saved,
                                 BatchNormGrads out) override {
    return run("batch_norm_train_backward", &Backend::batch_norm_train_backward, dy, x, y, gamma,
               spec, saved, out);
  }
  void batch_norm_eval(ConstView x, ConstView gamma, ConstView beta, ConstView residual,
                       const BatchNormSpec& spec, ConstView running_mean, ConstView running_var,
                       View y) override {
    return run("batch_norm_eval", &Backend::batch_norm_eval, x, gamma, beta, residual, spec,
               running_mean, running_var, y);
  }
  void batch_norm_eval_backward(ConstView dy, ConstView x, ConstView y, ConstView gamma,
                                const BatchNormSpec& spec, ConstView running_mean,
                                ConstView running_var, BatchNormGrads out) override {
    return run("batch_norm_eval_backward", &Backend::batch_norm_eval_backward, dy, x, y, gamma,
               spec, running_mean, running_var, out);
  }
  void softmax_cross_entropy(ConstView logits, std::span<const int32_t> labels, float smoothing,
                             View probabilities, View loss_per_row) override {
    return run("softmax_cross_entropy", &Backend::softmax_cross_entropy, logits, labels, smoothing,
               probabilities, loss_per_row);
  }
  void softmax_cross_entropy_backward(ConstView dloss, ConstView probabilities,
                                      std::span<const int32_t> labels, float smoothing,
                                      View dlogits) override {
    return run("softmax_cross_entropy_backward", &Backend::softmax_cross_entropy_backward, dloss,
               probabilities, labels, smoothing, dlogits);
  }
  void sgd_step(const SgdSpec& spec, int64_t step, ConstView grad, View parameter,
                View momentum) override {
    return run("sgd_step", &Backend::sgd_step, spec, step, grad, parameter, momentum);
  }
  void transpose(ConstView x, View y) override {
    return run("transpose", &Backend::transpose, x, y);
  }
  bool steps_in_products() const override { return inner_->steps_in_products(); }
  void gemm_adam(ConstView dy, ConstView x, View grad, const AdamUpdate& update) override {
    return run("gemm_adam", &Backend::gemm_adam, dy, x, grad, update);
  }
  void conv2d_backward_weight_adam(ConstView dy, ConstView x, const ConvSpec& spec, View grad,
                                   const AdamUpdate& update) override {
    return run("conv2d_backward_weight_adam", &Backend::conv2d_backward_weight_adam, dy, x, spec,
               grad, update);
  }
  double decoder_step(const DecoderStep& s) override {
    return run("decoder_step", &Backend::decoder_step, s);
  }
  void encoder_step(const EncoderStep& s) override {
    return run("encoder_step", &Backend::encoder_step, s);
  }
  void adam_step(const AdamSpec& spec, int64_t step, ConstView grad, View parameter, View m,
                 View v) override {
    return run("adam_step", &Backend::adam_step, spec, step, grad, parameter, m, v);
  }

 private:
  using Clock = std::chrono::steady_clock;

  // The call of a primitive, which is added to the profile unless it throws.
  template <class Result, class... Parameters, class... Arguments>
  Result run(const char* name, Result (Backend::*primitive)(Parameters...),
             Arguments&&... arguments) {
    inner_->synchronize();
    const Clock::time_point begin = Clock::now();
    const auto add = [&] {
      inner_->synchronize();
      const std::chrono::duration<double> passed = Clock::now() - begin;
      profile_->add_call(ProfilePhase::current(), name, passed.count());
    };
    if constexpr (std::is_void_v<Result>) {
      (inner_.get()->*primitive)(std::forward<Arguments>(arguments)...);
      add();
    } else {
      const Result result = (inner_.get()->*primitive)(std::forward<Arguments>(arguments)...);
      add();
      return result;
    }
  }

  std::shared_ptr<Backend> inner_;
  std::shared_ptr<Profile> profile_;
};

}  // namespace

std::shared_ptr<Backend> make_profiled_backend(std::shared_ptr<Backend> inner,
                                               std::shared_ptr<Profile> profile) {
  return std::make_shared<ProfiledBackend>(std::move(inner), std::move(profile));
}

}  // namespace fedcamae
