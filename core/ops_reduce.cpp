#include <cmath>

#include "core/ops.h"
#include "core/ops_check.h"

namespace fedcamae::ops {

double sum(const Tensor& x) {
  check_float32("sum", {&x});
  return x.context().backend().sum(x.view());
}

double dot(const Tensor& a, const Tensor& b) {
  check_float32("dot", {&a, &b});
  check_same_size("dot", a, b);
  return a.context().backend().dot(a.view(), b.view());
}

double norm(const Tensor& x) { return std::sqrt(dot(x, x)); }

double squared_distance(const Tensor& a, const Tensor& b) {
  const Tensor* const both[] = {&a, &b};
  check_same_device("squared_distance", both);
  check_type("squared_distance", ElementType::kFloat32, {&a, &b});
  check_same_size("squared_distance", a, b);
  double result = 0;
  read_across(a.context(), both,
              [&](Backend& backend) { result = backend.squared_distance(a.view(), b.view()); });
  return result;
}

std::vector<double> pairwise_squared_distances(Context& context, std::span<const Tensor> vectors) {
  std::vector<const Tensor*> read;
  std::vector<ConstView> views;
  for (const Tensor& v : vectors) {
    read.push_back(&v);
    check_same_device("pairwise_squared_distances", read);
    check_type("pairwise_squared_distances", ElementType::kFloat32, {&v});
    check_same_size("pairwise_squared_distances", v, vectors[0]);
    check(v.context().device() == context.device(),
          "[pairwise_squared_distances] vectors are on {}, the context is on {}",
          v.context().device().str(), context.device().str());
    views.push_back(v.view());
  }
  std::vector<double> table(vectors.size() * vectors.size());
  read_across(context, read,
              [&](Backend& backend) { backend.pairwise_squared_distances(views, table); });
  return table;
}

bool all_finite(const Tensor& x) {
  check_float32("all_finite", {&x});
  return x.context().backend().all_finite(x.view());
}

Tensor sum_rows(const Tensor& x) {
  check_device("sum_rows", {&x});
  Tensor y(x.context(), {x.shape().back()});
  x.context().backend().sum_rows(x.view(), y.view());
  return y;
}

Tensor sum_last(const Tensor& x) {
  check_float32("sum_last", {&x});
  Tensor y(x.context(), {x.shape().rows()});
  x.context().backend().sum_last(x.view(), y.view());
  return y;
}

std::vector<int32_t> argmax_last(const Tensor& x) {
  check_float32("argmax_last", {&x});
  check(x.shape().back() > 0, "[argmax_last] rows are empty: {}", x.shape());
  std::vector<int32_t> y(static_cast<size_t>(x.shape().rows()));
  x.context().backend().argmax_last(x.view(), y);
  return y;
}

MinMax minmax_last(const Tensor& x) {
  check_float32("minmax_last", {&x});
  check(x.shape().back() > 0, "[minmax_last] rows are empty: {}", x.shape());
  const Shape rows{x.shape().rows()};
  MinMax y{Tensor(x.context(), rows), Tensor(x.context(), rows)};
  x.context().backend().minmax_last(x.view(), y.low.view(), y.high.view());
  return y;
}

}  // namespace fedcamae::ops
