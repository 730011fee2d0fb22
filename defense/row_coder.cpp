#include "defense/row_coder.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace fedcamae {

RowCoder::RowCoder(size_t inputs, const RowCoderSpec& spec, Random& random)
    : inputs_(inputs),
      code_(static_cast<size_t>(spec.code)),
      spec_(spec),
      parameters_(2 * inputs * code_ + code_ + inputs, 0.0) {
  const double in = 1 / std::sqrt(static_cast<double>(inputs_));
  const double out = spec.first_decoder / std::sqrt(static_cast<double>(code_));
  const size_t encoder = inputs_ * code_ + code_;
  for (size_t i = 0; i < encoder; ++i) parameters_[i] = random.uniform(-in, in);
  for (size_t i = 0; i < inputs_ * code_; ++i) parameters_[encoder + i] = random.uniform(-out, out);
}

Row RowCoder::hidden_of(const Row& row) const {
  check(row.size() == inputs_, "[row_coder] {} inputs, got a row of {}", inputs_, row.size());
  Row hidden(code_);
  const double* w = parameters_.data();
  const double* bias = w + inputs_ * code_;
  for (size_t h = 0; h < code_; ++h) {
    double sum = bias[h];
    for (size_t i = 0; i < inputs_; ++i) sum += w[h * inputs_ + i] * row[i];
    hidden[h] = std::max(sum, 0.0);
  }
  return hidden;
}

Row RowCoder::reconstruct(const Row& row) const {
  const Row hidden = hidden_of(row);
  const double* w = parameters_.data() + inputs_ * code_ + code_;
  const double* bias = w + inputs_ * code_;
  Row result(bias, bias + inputs_);
  for (size_t i = 0; i < inputs_; ++i)
    for (size_t h = 0; h < code_; ++h) result[i] += w[i * code_ + h] * hidden[h];
  return result;
}

// Of share * sum_i (y_i - x_i)^2; returns that number.
double RowCoder::add_gradient(const Row& row, double share, std::vector<double>& gradient) const {
  const Row hidden = hidden_of(row), y = reconstruct(row);
  const size_t encoder = inputs_ * code_, decoder = encoder + code_, bias = decoder + encoder;
  Row dhidden(code_, 0.0);
  double loss = 0;
  for (size_t i = 0; i < inputs_; ++i) {
    const double difference = y[i] - row[i], dy = 2 * share * difference;
    loss += share * difference * difference;
    gradient[bias + i] += dy;
    for (size_t h = 0; h < code_; ++h) {
      gradient[decoder + i * code_ + h] += dy * hidden[h];
      dhidden[h] += dy * parameters_[decoder + i * code_ + h];
    }
  }
  for (size_t h = 0; h < code_; ++h) {
    if (hidden[h] <= 0) continue;
    gradient[encoder + h] += dhidden[h];
    for (size_t i = 0; i < inputs_; ++i) gradient[h * inputs_ + i] += dhidden[h] * row[i];
  }
  return loss;
}

std::vector<double> RowCoder::train(const Rows& rows) {
  constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;  // Adam's usual ones
  const size_t count = parameters_.size();
  std::vector<double> losses, m(count, 0.0), v(count, 0.0);
  const double share = 1.0 / static_cast<double>(std::max<size_t>(rows.size() * inputs_, 1));
  for (int64_t epoch = 1; epoch <= spec_.epochs; ++epoch) {
    std::vector<double> gradient(count, 0.0);
    double loss = 0;
    for (const Row& row : rows) loss += add_gradient(row, share, gradient);
    losses.push_back(loss);
    const auto t = static_cast<double>(epoch);
    const double c1 = 1 - std::pow(kBeta1, t), c2 = 1 - std::pow(kBeta2, t);
    for (size_t i = 0; i < count; ++i) {
      const double g = gradient[i] + spec_.weight_decay * parameters_[i];
      m[i] = kBeta1 * m[i] + (1 - kBeta1) * g;
      v[i] = kBeta2 * v[i] + (1 - kBeta2) * g * g;
      parameters_[i] -= spec_.lr * (m[i] / c1) / (std::sqrt(v[i] / c2) + kEpsilon);
    }
  }
  return losses;
}

}  // namespace fedcamae
