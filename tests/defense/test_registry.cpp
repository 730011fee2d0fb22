#include "defense/registry.h"

#include <doctest/doctest.h>

#include "defense/fedcamae_options.h"

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

TEST_CASE("FedCAMAE's own variant is the default; variant reference has the published settings") {
  Options options(find("fedcamae").options);
  CHECK(options.text("variant") == "fedcamae");
  const CentralSpec own = central_spec(options), spec;
  CHECK(own.probe.count == 0);
  CHECK(own.probe.size == spec.probe.size);
  CHECK(own.channels == central_channels());
  CHECK(own.fit.coder.code == 4);
  CHECK(own.fit.coder.epochs == 100);
  CHECK(own.fit.coder.lr == 1e-2);
  CHECK(own.fit.folds == spec.fit.folds);
  CHECK(own.heat_factor == spec.heat_factor);
  CHECK(own.length_factor == spec.length_factor);
  CHECK(own.k == spec.k);
  CHECK(own.agreement_share == spec.agreement_share);
  CHECK(own.twins_k == spec.twins_k);
  CHECK(own.twins_ratio == spec.twins_ratio);
  CHECK(own.vote == 3);

  const ReferenceSpec reference = reference_spec(options);
  CHECK(reference.probe.count == 1);
  CHECK(reference.probe.size == 224);
  CHECK(reference.maps.side == 224);
  CHECK(reference.autoencoder.hidden == std::vector<int64_t>{128});
  CHECK(reference.autoencoder.epochs == 200);
  CHECK(reference.autoencoder.lr == 1e-3);
  CHECK(reference.autoencoder.weight_decay == 1e-5);
  CHECK(reference.rule == ThresholdRule::kMeanStd);
  CHECK(reference.k == 1.0);
  CHECK(reference.vote == 3);
}

TEST_CASE("a set number counts in both variants") {
  Options options(find("fedcamae").options);
  options.set("k", 0.5);
  options.set("hidden", std::vector<int64_t>{7});
  options.set("epochs", int64_t{0});
  options.set("lr", 0.25);
  options.set("size", int64_t{32});
  options.set("probes", int64_t{6});
  const CentralSpec own = central_spec(options);
  const ReferenceSpec reference = reference_spec(options);
  CHECK((own.k == 0.5 && reference.k == 0.5));
  CHECK((own.fit.coder.code == 7 && reference.autoencoder.hidden == std::vector<int64_t>{7}));
  CHECK((own.fit.coder.epochs == 0 && reference.autoencoder.epochs == 0));
  CHECK((own.fit.coder.lr == 0.25 && reference.autoencoder.lr == 0.25));
  CHECK((own.probe.size == 32 && reference.probe.size == 32));
  CHECK((own.probe.count == 6 && reference.probe.count == 6));
}

TEST_CASE("an option that the chosen variant does not read is refused, not overlooked") {
  const std::vector<Option> all = find("fedcamae").options;
  const auto with = [&](const std::string& name, const OptionValue& value) {
    Options options(all);
    options.set(name, value);
    return options;
  };
  for (const Options& options :
       {with("class", std::string("argmax")), with("map_side", int64_t{28})})
    CHECK_THROWS_WITH_AS(central_spec(options), doctest::Contains("variant = \"reference\" alone"),
                         Error);
  for (const Options& options :
       {with("folds", int64_t{3}), with("channels", std::vector<std::string>{"shape"}),
        with("agreement_share", 0.25), with("twins_k", 2.0), with("twins_ratio", 2.0),
        with("heat_factor", 2.0), with("length_factor", 2.0)})
    CHECK_THROWS_WITH_AS(reference_spec(options),
                         doctest::Contains("variant = \"fedcamae\" alone; leave it out"), Error);
}

TEST_CASE("Multi-Krum without options withstands nobody and averages all") {
  const Options options(find("multi_krum").options);
  CHECK(options.integer("f") == 0);
  CHECK(options.integer("m") == 0);
}

}  // namespace
}  // namespace fedcamae
