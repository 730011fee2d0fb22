// Memory: every primitive on tensors between guard zones, at addresses aligned to nothing but a
// float and at aligned ones. Outputs start as NaN and must all be written; NaN lies around the
// inputs, so that what is read there shows; the zones around the outputs must stay as they were.
// Channel counts are odd: each has a remainder at every vector width.
#include <doctest/doctest.h>

#include <cmath>

#include "core/ops.h"
#include "core/reference/conv.h"
#include "core/reference/pool.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/support/guard.h"

namespace fedcamae {
namespace {

using testing::Guarded;
using testing::Inputs;

void check_written(const Guarded& y) {
  y.check_untouched();
  int64_t unwritten = 0;
  for (const float value : y.tensor().to_host()) unwritten += std::isfinite(value) ? 0 : 1;
  CHECK(unwritten == 0);
}

// For what is changed where it stands: `x` inside, a pattern around.
Guarded in_place(Context& context, const testing::Array<double>& x) {
  Guarded made(context, x.shape);
  ops::copy_(testing::to_tensor(context, x), made.tensor());
  return made;
}

const Shape kImages[] = {{1, 3, 3, 1}, {2, 5, 4, 7}, {1, 7, 6, 19}, {2, 3, 3, 37}};

// body(context), once with guarded tensors at odd addresses and once at aligned ones.
template <class Body>
void at_both_alignments(const Body& body) {
  for (const int64_t zone : {Guarded::kAlignedZone, Guarded::kOddZone}) {
    CAPTURE(zone);
    Guarded::zone = zone;
    testing::on_every_device(body);
  }
}

// body(context, inputs, image shape).
template <class Body>
void on_images(uint64_t seed, const Body& body) {
  Inputs inputs(seed);
  at_both_alignments([&](Context& context) {
    for (const Shape& image : kImages) {
      CAPTURE(image.str());
      body(context, inputs, image);
    }
  });
}

TEST_CASE("guards: convolution") {
  on_images(101, [](Context& context, Inputs& inputs, const Shape& image) {
    const int64_t c = image.c();
    struct Case {
      Shape w;
      ConvSpec spec;
    };
    for (const Case& k : {Case{{5, 1, 1, c}, {}}, Case{{21, 3, 3, c}, {.padding = 1}},
                          Case{{3, 3, 3, c}, {.stride = 2, .padding = 1}},
                          Case{{c, 3, 3, 1}, {.padding = 1, .groups = c}}}) {
      CAPTURE(k.w.str());
      const Shape out = reference::conv2d_shape(image, k.w, k.spec);
      const Guarded x(context, inputs.reals(image)), w(context, inputs.reals(k.w)),
          dy(context, inputs.reals(out));
      const Guarded y(context, out), dx(context, image), dw(context, k.w);
      context.backend().conv2d(x.view(), w.view(), k.spec, y.view());
      context.backend().conv2d_backward_data(dy.view(), w.view(), k.spec, dx.view());
      context.backend().conv2d_backward_weight(dy.view(), x.view(), k.spec, dw.view());
      for (const Guarded* g : {&y, &dx, &dw}) check_written(*g);
    }
  });
}

TEST_CASE("guards: matrix products") {
  Inputs inputs(102);
  at_both_alignments([&](Context& context) {
    for (const Shape& size : {Shape{1, 1, 1}, Shape{5, 7, 3}, Shape{19, 37, 21}, Shape{1, 130, 9}})
      for (int variant = 0; variant < 4; ++variant) {
        CAPTURE(size.str());
        CAPTURE(variant);
        const GemmSpec spec{.transpose_a = (variant & 1) != 0, .transpose_b = (variant & 2) != 0};
        const int64_t m = size[0], n = size[1], k = size[2];
        const Guarded a(context, inputs.reals(spec.transpose_a ? Shape{k, m} : Shape{m, k}));
        const Guarded b(context, inputs.reals(spec.transpose_b ? Shape{n, k} : Shape{k, n}));
        const Guarded c(context, Shape{m, n});
        context.backend().gemm(spec, a.view(), b.view(), c.view());
        check_written(c);
      }
  });
}

TEST_CASE("guards: elementwise and vectors") {
  on_images(103, [](Context& context, Inputs& inputs, const Shape& image) {
    Backend& backend = context.backend();
    const Guarded x(context, inputs.uniform(image, 0.5, 2.0)), z(context, inputs.reals(image));
    for (const Unary f : {Unary::kRelu, Unary::kSigmoid, Unary::kExp, Unary::kLog, Unary::kSquare,
                          Unary::kNegate, Unary::kSqrt, Unary::kSign}) {
      const Guarded y(context, image), dx(context, image);
      backend.unary(f, x.view(), y.view());
      backend.unary_backward(f, z.view(), x.view(), dx.view());
      check_written(y);
      check_written(dx);
    }
    const Guarded sum(context, image), filled(context, image);
    backend.binary(Binary::kAdd, x.view(), z.view(), sum.view());
    check_written(sum);
    backend.axpy(0.5f, x.view(), sum.view());
    backend.scale(2.0f, sum.view());
    backend.clamp(-1.0f, 1.0f, sum.view());
    check_written(sum);
    backend.fill(filled.view(), 1.0f);
    check_written(filled);
    const Guarded row(context, inputs.reals({image.c()}));
    backend.add_row(row.view(), filled.view());
    check_written(filled);
  });
}

TEST_CASE("guards: pooling, resize, gating") {
  on_images(104, [](Context& context, Inputs& inputs, const Shape& image) {
    Backend& backend = context.backend();
    const PoolSpec spec{.window = 3, .stride = 2, .padding = 1};
    const Shape out = reference::pool_shape(image, spec), pooled{image.n(), image.c()};
    const Guarded x(context, inputs.reals(image)), dy(context, inputs.reals(out)),
        gate(context, inputs.reals(pooled));
    const Guarded y(context, out), dx(context, image), mean(context, out), dmean(context, image),
        global(context, pooled), dglobal(context, image), gated(context, image),
        dgated(context, image), dgate(context, pooled);
    backend.max_pool(x.view(), spec, y.view());
    backend.max_pool_backward(dy.view(), x.view(), spec, dx.view());
    backend.avg_pool(x.view(), spec, mean.view());
    backend.avg_pool_backward(dy.view(), spec, dmean.view());
    backend.global_avg_pool(x.view(), global.view());
    backend.global_avg_pool_backward(gate.view(), dglobal.view());
    backend.scale_channels(x.view(), gate.view(), gated.view());
    backend.scale_channels_backward(x.view(), x.view(), gate.view(), dgated.view(), dgate.view());
    const Guarded wide(context, Shape{image.n(), 2 * image.h() + 1, image.w() - 1, image.c()});
    backend.resize_bilinear(x.view(), wide.view());
    for (const Guarded* g :
         {&y, &dx, &mean, &dmean, &global, &dglobal, &gated, &dgated, &dgate, &wide})
      check_written(*g);
  });
}

TEST_CASE("guards: reductions") {
  on_images(105, [](Context& context, Inputs& inputs, const Shape& image) {
    Backend& backend = context.backend();
    const Guarded x(context, inputs.reals(image));
    const Shape rows{image.rows()}, channels{image.c()};
    const Guarded per_channel(context, channels), per_row(context, rows), low(context, rows),
        high(context, rows);
    backend.sum_rows(x.view(), per_channel.view());
    backend.sum_last(x.view(), per_row.view());
    backend.minmax_last(x.view(), low.view(), high.view());
    for (const Guarded* g : {&per_channel, &per_row, &low, &high}) check_written(*g);
    const std::vector<ConstView> vectors(3, x.view());
    const Guarded median(context, x.tensor().shape()), trimmed(context, x.tensor().shape()),
        picked(context, {3});
    backend.coordinate_median(vectors, median.view());
    backend.coordinate_trimmed_mean(vectors, 1, trimmed.view());
    const IndexTensor at = IndexTensor::from(context, std::vector<int32_t>{0, 1, 0});
    backend.gather(x.view(), at.view(), picked.view());
    for (const Guarded* g : {&median, &trimmed, &picked}) check_written(*g);
    CHECK(std::isfinite(backend.sum(x.view())));
    CHECK(std::isfinite(backend.dot(x.view(), x.view())));
    CHECK(std::isfinite(backend.squared_distance(x.view(), x.view())));
    CHECK(backend.all_finite(x.view()));
  });
}

TEST_CASE("guards: batch norm") {
  on_images(106, [](Context& context, Inputs& inputs, const Shape& image) {
    Backend& backend = context.backend();
    const Shape channels{image.c()};
    const BatchNormSpec spec{.relu = true};
    const Guarded x(context, inputs.reals(image)), dy(context, inputs.reals(image)),
        residual(context, inputs.reals(image)), gamma(context, inputs.reals(channels)),
        beta(context, inputs.reals(channels));
    const Guarded running_mean = in_place(context, inputs.reals(channels));
    const Guarded running_var = in_place(context, inputs.uniform(channels, 0.5, 2.0));
    const Guarded y(context, image), mean(context, channels), inv_std(context, channels);
    backend.batch_norm_train(x.view(), gamma.view(), beta.view(), residual.view(), spec,
                             running_mean.view(), running_var.view(), y.view(),
                             {mean.view(), inv_std.view()});
    for (const Guarded* g : {&running_mean, &running_var, &y, &mean, &inv_std}) check_written(*g);
    for (const bool train : {true, false}) {
      const Guarded dx(context, image), dgamma(context, channels), dbeta(context, channels),
          dresidual(context, image);
      const BatchNormGrads out{dx.view(), dgamma.view(), dbeta.view(), dresidual.view()};
      if (train) {
        backend.batch_norm_train_backward(dy.view(), x.view(), y.view(), gamma.view(), spec,
                                          {mean.view(), inv_std.view()}, out);
      } else {
        backend.batch_norm_eval_backward(dy.view(), x.view(), y.view(), gamma.view(), spec,
                                         running_mean.view(), running_var.view(), out);
      }
      for (const Guarded* g : {&dx, &dgamma, &dbeta, &dresidual}) check_written(*g);
    }
    const Guarded eval(context, image);
    backend.batch_norm_eval(x.view(), gamma.view(), beta.view(), residual.view(), spec,
                            running_mean.view(), running_var.view(), eval.view());
    check_written(eval);
  });
}

TEST_CASE("guards: loss and optimisers") {
  Inputs inputs(107);
  at_both_alignments([&](Context& context) {
    Backend& backend = context.backend();
    for (const Shape& shape : {Shape{1, 3}, Shape{5, 19}, Shape{3, 37}}) {
      CAPTURE(shape.str());
      const auto labels = inputs.labels(shape[0], shape[1]);
      const Guarded logits(context, inputs.reals(shape)),
          dloss(context, testing::Array<double>(Shape{}, 1.0));
      const Guarded probabilities(context, shape), per_row(context, Shape{shape[0]}),
          dlogits(context, shape);
      const IndexTensor device_labels = IndexTensor::from(context, labels);
      backend.softmax_cross_entropy(logits.view(), device_labels.view(), 0.1f, probabilities.view(),
                                    per_row.view());
      backend.softmax_cross_entropy_backward(dloss.view(), probabilities.view(),
                                             device_labels.view(), 0.1f, dlogits.view());
      const Guarded parameter = in_place(context, inputs.reals(shape));
      const Guarded first = in_place(context, inputs.reals(shape));
      const Guarded second = in_place(context, inputs.uniform(shape, 0.1, 1.0));
      backend.sgd_step({.lr = 0.1f, .momentum = 0.9f}, 2, logits.view(), parameter.view(),
                       first.view());
      backend.adam_step({}, 2, logits.view(), parameter.view(), first.view(), second.view());
      for (const Guarded* g : {&probabilities, &per_row, &dlogits, &parameter, &first, &second})
        check_written(*g);
    }
  });
}

TEST_CASE("guards: transpose and a dense autoencoder's halves") {
  Inputs inputs(82);
  at_both_alignments([&](Context& context) {
    Backend& backend = context.backend();
    for (const Shape& size : {Shape{5, 7, 16}, Shape{17, 50, 48}, Shape{3, 4, 5}}) {
      CAPTURE(size.str());
      const int64_t n = size[0], p = size[1], h = size[2];
      const Guarded x(context, inputs.uniform({n, p}, 0, 1));
      const Guarded hidden(context, inputs.reals({n, h}));
      const Guarded x_t(context, Shape{p, n}), dhidden(context, hidden.view().shape),
          z(context, hidden.view().shape);
      backend.transpose(x.view(), x_t.view());
      check_written(x_t);
      const auto update = [&](const Guarded& parameter, const Guarded& m, const Guarded& v) {
        return AdamUpdate{{}, 1, parameter.view(), m.view(), v.view()};
      };
      std::vector<Guarded> w, b;  // parameter, m, v
      for (int i = 0; i < 3; ++i) {
        w.push_back(in_place(context, inputs.uniform({p, h}, 0.1, 1)));
        b.push_back(in_place(context, inputs.uniform({p}, 0.1, 1)));
      }
      const Guarded dw(context, Shape{p, h}), db(context, Shape{p}), y(context, x.view().shape),
          dy(context, x.view().shape);
      backend.decoder_step({x.view(), x_t.view(), hidden.view(), update(w[0], w[1], w[2]),
                            update(b[0], b[1], b[2]), dw.view(), db.view(), y.view(), dy.view(),
                            dhidden.view()});
      check_written(dhidden);
      backend.encoder_step(
          {x.view(), x_t.view(), hidden.view(), update(w[0], w[1], w[2]), dw.view(), z.view()});
      check_written(z);
      for (const std::vector<Guarded>* weight : {&w, &b})
        for (const Guarded& buffer : *weight) check_written(buffer);
      for (const Guarded* scratch : {&dw, &db, &y, &dy}) scratch->check_untouched();
    }
  });
}

}  // namespace
}  // namespace fedcamae
