#include "core/ops.h"
#include "defense/coder.h"
#include "layers/init.h"

namespace fedcamae {
namespace {

// y = sigmoid(ReLU(x w_in + b_in) w_out^T + b_out).
class ShallowCoder final : public Coder {
 public:
  ShallowCoder(int64_t inputs, const AutoencoderSpec& spec, Context& context)
      : inputs_(inputs),
        hidden_(spec.hidden[0]),
        spec_{.lr = spec.lr, .weight_decay = spec.weight_decay},
        parameters_(context, {2 * inputs * hidden_ + hidden_ + inputs}),
        gradients_(context, parameters_.shape()) {}

  void initialize(Random& random) override {
    for (const Place& place : {w_in(), b_in()})
      fill_fan_in(random, inputs_, at(parameters_, place));
    for (const Place& place : {w_out(), b_out()})
      fill_fan_in(random, hidden_, at(parameters_, place));
  }

  const Tensor& parameters() const override { return parameters_; }

  Tensor reconstruct(const Tensor& rows) override {
    const Tensor hidden = activate(ops::gemm(rows, at(parameters_, w_in())));
    const Tensor y = ops::gemm(hidden, at(parameters_, w_out()), {.transpose_b = true});
    ops::add_row_(at(parameters_, b_out()), y);
    return ops::sigmoid(y);
  }

  void begin(const Tensor& rows) override {
    rows_ = rows;
    pixels_ = ops::transpose(rows);
    steps_ = 0;
    first_ = Tensor::zeros(parameters_.context(), parameters_.shape());
    second_ = Tensor::zeros(parameters_.context(), parameters_.shape());
    z_ = ops::gemm(rows, at(parameters_, w_in()));
  }

  double step() override {
    ++steps_;
    const Tensor hidden = activate(z_);
    const auto [loss, dhidden] =
        ops::decoder_step_(rows_, pixels_, hidden, step_of(w_out()), step_of(b_out()));
    const Tensor dz = ops::unary_backward(Unary::kRelu, dhidden, hidden);
    const ops::WeightStep bias = step_of(b_in());
    ops::adam_step_(spec_, steps_, ops::sum_rows(dz), bias.parameter, bias.m, bias.v);
    z_ = ops::encoder_step_(rows_, pixels_, dz, step_of(w_in()));
    return loss;
  }

 private:
  struct Place {
    int64_t offset;
    Shape shape;
  };
  Place w_in() const { return {0, {inputs_, hidden_}}; }
  Place b_in() const { return {inputs_ * hidden_, {hidden_}}; }
  Place w_out() const { return {inputs_ * hidden_ + hidden_, {inputs_, hidden_}}; }
  Place b_out() const { return {2 * inputs_ * hidden_ + hidden_, {inputs_}}; }
  static Tensor at(const Tensor& buffer, const Place& place) {
    return buffer.window(place.offset, place.shape);
  }
  ops::WeightStep step_of(const Place& place) const {
    return {spec_,
            steps_,
            at(gradients_, place),
            at(parameters_, place),
            at(first_, place),
            at(second_, place)};
  }
  Tensor activate(const Tensor& z) const {
    ops::add_row_(at(parameters_, b_in()), z);
    return ops::relu(z);
  }

  int64_t inputs_, hidden_;
  AdamSpec spec_;
  Tensor parameters_, gradients_, first_, second_;
  Tensor rows_, pixels_;  // what is trained on, [n, inputs] and transposed
  Tensor z_;              // rows_ times the encoder's weight as it is now, [n, hidden]
  int64_t steps_ = 0;
};

}  // namespace

std::unique_ptr<Coder> make_shallow_coder(int64_t inputs, const AutoencoderSpec& spec,
                                          Context& context) {
  return std::make_unique<ShallowCoder>(inputs, spec, context);
}

}  // namespace fedcamae
