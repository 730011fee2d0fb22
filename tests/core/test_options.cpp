// Named options: what is taken, what is refused and in which words.
#include <doctest/doctest.h>

#include <limits>

#include "core/options.h"

namespace fedcamae {
namespace {

std::vector<Option> declared() {
  return {{.name = "rate", .value = 0.5, .doc = "in (0, 1)", .low = 0, .high = 1},
          {.name = "count", .value = int64_t{3}, .doc = "at least 1", .low = 1},
          {.name = "rule", .value = std::string("sgd"), .doc = "", .choices = {"sgd", "adam"}},
          {.name = "sizes", .value = std::vector<int64_t>{8}, .doc = "each at least 1", .low = 1},
          {.name = "gains", .value = std::vector<double>{}, .doc = ""},
          {.name = "on", .value = false, .doc = ""}};
}

std::string refusal(const std::string& name, const OptionValue& value) {
  Options options(declared());
  try {
    options.set(name, value);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kUsage);
    return error.what();
  }
  return "";
}

TEST_CASE("options: defaults, then what was set; an integer is a number") {
  Options options(declared());
  CHECK(options.real("rate") == 0.5);
  options.set("rate", int64_t{1});
  CHECK(options.real("rate") == 1.0);
  options.set("gains", std::vector<int64_t>{2, 3});
  CHECK(options.reals("gains") == std::vector<double>{2.0, 3.0});
  options.set("on", true);
  CHECK(options.flag("on"));
  options.set("sizes", std::vector<int64_t>{4, 2});
  CHECK(options.integers("sizes") == std::vector<int64_t>{4, 2});
}

TEST_CASE("options: another type, a range, a choice, an unknown name") {
  CHECK(refusal("count", 2.0) == "'count' expects integer, got 2.0");
  CHECK(refusal("on", int64_t{1}) == "'on' expects boolean, got 1");
  CHECK(refusal("rate", 1.5) == "'rate' must be from 0 to 1, got 1.5");
  CHECK(refusal("rate", std::numeric_limits<double>::quiet_NaN()).find("got nan") !=
        std::string::npos);
  CHECK(refusal("count", int64_t{0}) == "'count' must be at least 1, got 0");
  CHECK(refusal("sizes", std::vector<int64_t>{4, 0}) == "'sizes' must be at least 1, got 0");
  CHECK(refusal("rule", std::string("adm")) ==
        "'rule' cannot be 'adm', did you mean 'adam'? (one of sgd, adam)");
  CHECK(refusal("rat", 0.5) == "unknown option 'rat', did you mean 'rate'?");
}

TEST_CASE("options: reading what was not declared is a programming error") {
  const Options options(declared());
  for (const auto& read : {+[](const Options& o) { (void)o.real("none"); },
                           +[](const Options& o) { (void)o.real("count"); }}) {
    try {
      read(options);
      FAIL("nothing was thrown");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kUnexpected);
    }
  }
}

TEST_CASE("options: values as TOML writes them") {
  CHECK(to_text(OptionValue(3.0)) == "3.0");
  CHECK(to_text(OptionValue(0.1)) == "0.1");
  CHECK(to_text(OptionValue(1e-5)) == "1e-05");
  CHECK(to_text(OptionValue(int64_t{-7})) == "-7");
  CHECK(to_text(OptionValue(true)) == "true");
  CHECK(to_text(OptionValue(std::string("a \"b\" \\ \n"))) == R"("a \"b\" \\ \u000A")");
  CHECK(to_text(OptionValue(std::vector<double>{1.0, 2.5})) == "[1.0, 2.5]");
  CHECK(to_text(OptionValue(std::vector<std::string>{})) == "[]");
}

TEST_CASE("nearest: one slip in three letters, the first of equals") {
  const std::vector<std::string> words = {"layer1", "layer2", "trunk_output"};
  CHECK(nearest("layer3", words) == "layer1");
  CHECK(nearest("trunk_outptu", words) == "trunk_output");
  CHECK(nearest("zzz", words).empty());
  CHECK(nearest("", words).empty());
}

}  // namespace
}  // namespace fedcamae
