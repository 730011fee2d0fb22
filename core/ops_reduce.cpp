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

namespace {

// Vectors of one size on the context's device, float32, to be read in `context`.
struct Vectors {
  Vectors(const char* op, const Context& context, std::span<const Tensor> vectors) {
    for (const Tensor& v : vectors) {
      tensors.push_back(&v);
      check_same_device(op, tensors);
      check_type(op, ElementType::kFloat32, {&v});
      check_same_size(op, v, vectors[0]);
      check(v.context().device() == context.device(),
            "[{}] vectors are on {}, the context is on {}", op, v.context().device().str(),
            context.device().str());
      views.push_back(v.view());
    }
  }
  std::vector<const Tensor*> tensors;
  std::vector<ConstView> views;
};

}  // namespace

std::vector<double> pairwise_squared_distances(Context& context, std::span<const Tensor> vectors) {
  const Vectors v("pairwise_squared_distances", context, vectors);
  std::vector<double> table(vectors.size() * vectors.size());
  read_across(context, v.tensors,
              [&](Backend& backend) { backend.pairwise_squared_distances(v.views, table); });
  return table;
}

Tensor coordinate_median(Context& context, std::span<const Tensor> vectors) {
  check(!vectors.empty(), "[coordinate_median] of no vectors");
  const Vectors v("coordinate_median", context, vectors);
  Tensor y(context, vectors[0].shape());
  read_across(context, v.tensors,
              [&](Backend& backend) { backend.coordinate_median(v.views, y.view()); });
  return y;
}

Tensor coordinate_trimmed_mean(Context& context, std::span<const Tensor> vectors, int64_t trim) {
  const auto n = static_cast<int64_t>(vectors.size());
  check(trim >= 0 && 2 * trim < n,
        "[coordinate_trimmed_mean] cannot leave out {} of {} vectors at each end", trim, n);
  const Vectors v("coordinate_trimmed_mean", context, vectors);
  Tensor y(context, vectors[0].shape());
  read_across(context, v.tensors,
              [&](Backend& backend) { backend.coordinate_trimmed_mean(v.views, trim, y.view()); });
  return y;
}

Tensor gather(const Tensor& x, const IndexTensor& at) {
  Tensor y(at.context(), {at.size()});
  const Tensor* const both[] = {&y, &x};
  check_same_device("gather", both);
  check_type("gather", ElementType::kFloat32, {&x});
  for (const int32_t i : at.to_host())
    check(i >= 0 && i < x.size(), "[gather] {} is not in [0, {})", i, x.size());
  read_across(y.context(), both,
              [&](Backend& backend) { backend.gather(x.view(), at.view(), y.view()); });
  return y;
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
