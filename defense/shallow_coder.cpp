#include "core/ops.h"
#include "defense/coder.h"
#include "layers/init.h"

namespace fedcamae {
namespace {

// A part of a flat buffer.
struct Place {
  int64_t offset;
  Shape shape;
  Tensor in(const Tensor& buffer) const { return buffer.window(offset, shape); }
};

// y = sigmoid(ReLU(x w_in + b_in) w_out^T + b_out).
struct Layout {
  int64_t inputs, hidden;
  Place w_in() const { return {0, {inputs, hidden}}; }
  Place b_in() const { return {inputs * hidden, {hidden}}; }
  Place w_out() const { return {inputs * hidden + hidden, {inputs, hidden}}; }
  Place b_out() const { return {2 * inputs * hidden + hidden, {inputs}}; }
  int64_t size() const { return 2 * inputs * hidden + hidden + inputs; }
};

Tensor activate(const Tensor& z, const Tensor& bias) {
  ops::add_row_(bias, z);
  return ops::relu(z);
}

class Training {
 public:
  Training(const Layout& layout, const AdamSpec& spec, const Tensor& parameters, const Tensor& rows)
      : layout_(layout),
        spec_(spec),
        parameters_(parameters),
        gradients_(rows.context(), parameters.shape()),
        first_(Tensor::zeros(rows.context(), parameters.shape())),
        second_(Tensor::zeros(rows.context(), parameters.shape())),
        rows_(rows),
        pixels_(ops::transpose(rows)),
        z_(ops::gemm(rows, layout.w_in().in(parameters))) {}

  double step() {
    ++steps_;
    const Tensor hidden = activate(z_, layout_.b_in().in(parameters_));
    const auto [loss, dhidden] = ops::decoder_step_(
        rows_, pixels_, hidden, step_of(layout_.w_out()), step_of(layout_.b_out()));
    const Tensor dz = ops::unary_backward(Unary::kRelu, dhidden, hidden);
    const ops::WeightStep bias = step_of(layout_.b_in());
    ops::adam_step_(spec_, steps_, ops::sum_rows(dz), bias.parameter, bias.m, bias.v);
    z_ = ops::encoder_step_(rows_, pixels_, dz, step_of(layout_.w_in()));
    return loss;
  }

 private:
  ops::WeightStep step_of(const Place& place) const {
    return {spec_,
            steps_,
            place.in(gradients_),
            place.in(parameters_),
            place.in(first_),
            place.in(second_)};
  }

  Layout layout_;
  AdamSpec spec_;
  Tensor parameters_, gradients_, first_, second_;
  Tensor rows_, pixels_;  // [n, inputs], and transposed
  Tensor z_;              // rows_ times the encoder's weight as it is now, [n, hidden]
  int64_t steps_ = 0;
};

class ShallowCoder final : public Coder {
 public:
  ShallowCoder(int64_t inputs, const AutoencoderSpec& spec, Context& context)
      : layout_{inputs, spec.hidden[0]},
        spec_{.lr = spec.lr, .weight_decay = spec.weight_decay},
        parameters_(context, {layout_.size()}) {}

  void initialize(Random& random) override {
    for (const Place& place : {layout_.w_in(), layout_.b_in()})
      fill_fan_in(random, layout_.inputs, place.in(parameters_));
    for (const Place& place : {layout_.w_out(), layout_.b_out()})
      fill_fan_in(random, layout_.hidden, place.in(parameters_));
  }
  const Tensor& parameters() const override { return parameters_; }
  Tensor reconstruct(const Tensor& rows) override {
    const Tensor hidden =
        activate(ops::gemm(rows, layout_.w_in().in(parameters_)), layout_.b_in().in(parameters_));
    const Tensor y = ops::gemm(hidden, layout_.w_out().in(parameters_), {.transpose_b = true});
    ops::add_row_(layout_.b_out().in(parameters_), y);
    return ops::sigmoid(y);
  }
  std::function<double()> training(const Tensor& rows) override {
    const auto training = std::make_shared<Training>(layout_, spec_, parameters_, rows);
    return [training] { return training->step(); };
  }

 private:
  Layout layout_;
  AdamSpec spec_;
  Tensor parameters_;
};

}  // namespace

std::unique_ptr<Coder> make_shallow_coder(int64_t inputs, const AutoencoderSpec& spec,
                                          Context& context) {
  return std::make_unique<ShallowCoder>(inputs, spec, context);
}

}  // namespace fedcamae
