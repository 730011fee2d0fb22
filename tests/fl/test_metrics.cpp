#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "fl/metrics.h"

namespace fedcamae {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST_CASE("ratios of a table worked by hand") {
  const Detection d = ratios(6, 2, 9, 3, 1);
  CHECK(*d.tpr == doctest::Approx(6.0 / 9));
  CHECK(*d.fpr == doctest::Approx(2.0 / 11));
  CHECK(*d.precision == doctest::Approx(0.75));
  CHECK(*d.f1 == doctest::Approx(12.0 / 17));
  CHECK(*d.mcc == doctest::Approx(48 / std::sqrt(8.0 * 9 * 11 * 12)));
  CHECK(d.nonfinite == 1);
  CHECK_FALSE(d.auc.has_value());
  CHECK(*ratios(3, 0, 21, 0, 0).mcc == 1.0);
}

TEST_CASE("a ratio of nothing to nothing is empty") {
  const Detection nobody_malicious = ratios(0, 2, 5, 0, 0);
  CHECK_FALSE(nobody_malicious.tpr.has_value());
  CHECK_FALSE(nobody_malicious.mcc.has_value());
  CHECK(*nobody_malicious.f1 == 0);
  const Detection nobody_flagged = ratios(0, 0, 5, 2, 0);
  CHECK(*nobody_flagged.tpr == 0);
  CHECK_FALSE(nobody_flagged.precision.has_value());
  CHECK_FALSE(ratios(0, 0, 7, 0, 0).f1.has_value());
}

TEST_CASE("the area under the ROC curve counts ties half and leaves out NaN") {
  // Pairs: (3 > 1), (3 > 2), (2 > 1), (2 = 2): 3.5 of 4.
  CHECK(*roc_auc({1, 2, 2, 3}, {false, false, true, true}) == doctest::Approx(0.875));
  CHECK(*roc_auc({5, 5, 5}, {true, false, false}) == 0.5);
  CHECK(*roc_auc({1, kNan, 2, kNan}, {false, true, true, false}) == 1.0);
  CHECK_FALSE(roc_auc({kNan, kNan}, {true, false}).has_value());
  CHECK_FALSE(roc_auc({1, 2}, {false, false}).has_value());
}

TEST_CASE("what is not finite stands outside of every other number") {
  Verdict verdict;
  verdict.score = {0.1, 0.9, kNan, 0.5};
  verdict.accepted = {true, false, false, true};
  verdict.nonfinite = {false, false, true, false};
  const Detection d = detection_metrics(verdict, {false, true, true, false});
  CHECK(d.tp == 1);
  CHECK(d.tn == 2);
  CHECK(d.fp + d.fn == 0);
  CHECK(d.nonfinite == 1);
  CHECK(*d.auc == 1.0);
}

}  // namespace fedcamae
