#include "defense/registry.h"

#include <doctest/doctest.h>

namespace fedcamae {
namespace {

const DefenseInfo& find(const std::string& name) {
  for (const DefenseInfo& info : defenses())
    if (info.name == name) return info;
  throw Error(ErrorKind::kUnexpected, "no defense " + name);
}

TEST_CASE("the rules are documented and can be made from their defaults") {
  std::vector<std::string> names;
  for (const DefenseInfo& info : defenses()) {
    CAPTURE(info.name);
    names.push_back(info.name);
    CHECK_FALSE(info.doc.empty());
    CHECK_FALSE(info.source.empty());
    for (const Option& option : info.options) {
      CHECK_MESSAGE(!option.doc.empty(), option.name);
      Options options(info.options);
      CHECK_NOTHROW(options.set(option.name, option.value));  // in its own range
    }
    CHECK(info.make(Options(info.options)) != nullptr);
  }
  CHECK(names == std::vector<std::string>{"mean", "median", "trimmed_mean", "krum", "multi_krum",
                                          "geometric_median", "norm_clipping", "centred_clipping",
                                          "fltrust", "foolsgold", "sign_guard", "dnc", "flame",
                                          "faa_dl", "grad_cam_ae", "fedcamae"});
}

TEST_CASE("FedCAMAE's defaults are the published ones") {
  const Options options(find("fedcamae").options);
  CHECK(options.integer("size") == 224);
  CHECK(options.integer("map_side") == 224);
  CHECK(options.integers("hidden") == std::vector<int64_t>{128});
  CHECK(options.integer("epochs") == 200);
  CHECK(options.real("lr") == 1e-3);
  CHECK(options.real("weight_decay") == 1e-5);
  CHECK(options.text("threshold") == "mean_std");
  CHECK(options.real("k") == 1.0);
  CHECK(options.integer("vote") == 3);
}

TEST_CASE("Multi-Krum without options withstands nobody and averages all") {
  const Options options(find("multi_krum").options);
  CHECK(options.integer("f") == 0);
  CHECK(options.integer("m") == 0);
}

}  // namespace
}  // namespace fedcamae
