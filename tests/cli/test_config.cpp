// The configuration: every wrong line is refused with its place, every layer wins over those below.
#include <doctest/doctest.h>

#include "cli/commands.h"
#include "cli/config.h"
#include "cli/run_setup.h"
#include "core/error.h"
#include "tests/cli/support.h"

using namespace fedcamae;
using namespace fedcamae::testing;

namespace {

// The message of the error that `text` as a configuration file gives, the file's folder left out.
std::string problem(const std::string& text, const std::vector<std::string>& sets = {}) {
  const TemporaryFolder folder;
  const std::string path = folder.file("x.toml");
  write_file(path, text);
  RunFlags flags;
  flags.config = path;
  flags.sets = sets;
  char* nothing[] = {nullptr};
  try {
    (void)resolve_config(flags, nothing);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kUsage);
    std::string message = error.what();
    const size_t at = message.find(folder.path() + "/");
    if (at != std::string::npos) message.erase(at, folder.path().size() + 1);
    CHECK(message.find('\n') == std::string::npos);
    return message;
  }
  return "";
}

Config with(const std::string& assignment) {
  Config config;
  config.apply(parse_assignment(assignment, "here"));
  return config;
}

}  // namespace

TEST_CASE("an unknown key names its line and the nearest key") {
  CHECK(problem("[run]\nrounds = 3\n\n[federation]\nclient = 5\n") ==
        "x.toml:5: unknown key 'federation.client', did you mean 'clients'?");
  CHECK(contains(problem("[federaton]\nclients = 5\n"),
                 "x.toml:2: unknown key 'federaton.clients', did you mean 'federation'?"));
  CHECK(contains(problem("[data]\npartition = { type = \"dirichlet\", alhpa = 0.5 }\n"),
                 "x.toml:2: unknown key 'data.partition.alhpa', did you mean 'alpha'?"));
  CHECK(contains(problem("rounds = 5\n"), "x.toml:1: unknown key 'rounds'"));
  CHECK(contains(problem("[run]\nqqqqqqqqqqqq = 1\n"), "[run] takes"));
}

TEST_CASE("an empty section and a section that is given a value are seen") {
  CHECK(contains(problem("[run]\nrounds = 3\n[federaton]\n"),
                 "x.toml:3: unknown section 'federaton', did you mean 'federation'?"));
  CHECK(contains(problem("federation = 3\n"), "x.toml:1: 'federation' is a section"));
  CHECK(problem("[run]\n[data.partition]\n[attack]\n[defense]\n[log]\n").empty());
}

TEST_CASE("options of another attack's type are unknown") {
  CHECK(contains(problem("[attack]\ntype = \"sign_flip\"\nvariant = \"released_code\"\n"),
                 "x.toml:3: unknown key 'attack.variant'"));
  CHECK(contains(problem("[attack]\ntype = \"sign_flop\"\n"),
                 "x.toml:2: no attack is named 'sign_flop', did you mean 'sign_flip'?"));
}

TEST_CASE("wrong types and ranges name their line") {
  CHECK(contains(problem("[run]\nrounds = \"many\"\n"), "x.toml:2: 'rounds' expects integer"));
  CHECK(contains(problem("[run]\nrounds = 2.5\n"), "x.toml:2: 'rounds' expects integer"));
  CHECK(contains(problem("[run]\nrounds = 0\n"), "x.toml:2: 'rounds' must be"));
  CHECK(contains(problem("[federation]\nfraction = 1.5\n"), "x.toml:2: 'fraction' must be"));
  CHECK(contains(problem("[federation]\nlr = nan\n"), "x.toml:2: 'lr' must be"));
  CHECK(contains(problem("[federation]\noptimizer = \"adm\"\n"), "did you mean 'adam'?"));
  CHECK(contains(problem("[run]\nrounds = 2020-01-01\n"), "x.toml:2: 'run.rounds' is a date"));
  CHECK(contains(problem("[run]\nseeds = [1, \"two\"]\n"), "x.toml:2: 'run.seeds' is a list"));
  CHECK(contains(problem("[run]\nprecision = \"f16\"\n"), "x.toml:2: 'precision' cannot be"));
  CHECK(problem("[run]\ndevice = \"cpu\"\nprecision = \"bf16\"\n").empty());
  CHECK(contains(problem("[run]\ndevice = \"cpu\"\nprecision = \"tf32\"\n"), "tf32 is a GPU's"));
}

TEST_CASE("text that is not TOML names its line") {
  CHECK(contains(problem("[run]\nrounds = 3\nthis is not valid\n"), "x.toml:3: "));
  CHECK(contains(problem("[run\n"), "x.toml:1: "));
  CHECK(contains(problem("[run]\nrounds = 3\nrounds = 4\n"), "x.toml:3: "));
}

TEST_CASE("settings that contradict each other are refused") {
  CHECK(contains(problem("[federation]\nclients = 3\nattackers = 3\n"), "no honest one"));
  CHECK(contains(problem("[federation]\nfraction = 0\n"), "fraction must be above 0"));
  CHECK(contains(problem("[attack]\nstart = 5\nstop = 4\n"), "comes before"));
  CHECK(contains(problem("[run]\nseeds = [1, 2, 1]\n"), "holds 1 twice"));
  CHECK(contains(problem("[run]\nname = \"../x\"\n"), "cannot hold a '/'"));
  CHECK(contains(problem("[federation]\nnesterov = true\n"), "nesterov needs"));
}

TEST_CASE("a missing file is a usage error") {
  RunFlags flags;
  flags.config = "/nowhere/x.toml";
  char* nothing[] = {nullptr};
  CHECK_THROWS_AS((void)resolve_config(flags, nothing), Error);
}

TEST_CASE("--set takes TOML values, bare words and tables") {
  CHECK(with("federation.lr=0.25").section("federation").real("lr") == 0.25);
  CHECK(with("federation.lr=1").section("federation").real("lr") == 1.0);
  CHECK(with("federation.optimizer=sgd").section("federation").text("optimizer") == "sgd");
  CHECK(with("federation.optimizer=\"sgd\"").section("federation").text("optimizer") == "sgd");
  CHECK(with("run.name=2024-05-06").section("run").text("name") == "2024-05-06");
  CHECK(with("run.name=17").section("run").text("name") == "17");
  CHECK(with("run.seeds=[4, 5]").section("run").integers("seeds") == std::vector<int64_t>{4, 5});
  CHECK(with("run.seeds=[]").section("run").integers("seeds").empty());
  CHECK(with("data.partition.alpha=0.125").own("data.partition").real("alpha") == 0.125);
  CHECK(with("data.partition=iid").type("data.partition") == "iid");
  const Config table = with("data.partition={type=\"dirichlet\", alpha=3}");
  CHECK(table.own("data.partition").real("alpha") == 3.0);
  CHECK(contains(problem("", {"federation.client=3"}),
                 "--set federation.client=3: unknown key 'federation.client'"));
  CHECK(contains(problem("", {"rounds"}), "expected key=value"));
}

TEST_CASE("another type drops the options of the one before it") {
  Config config;
  config.apply(parse_assignment("attack.type=noise", "file"));
  const Options before = config.own("attack");
  CHECK_FALSE(before.declared().empty());
  config.apply(parse_assignment("attack.type=none", "--set"));
  CHECK(config.type("attack") == "none");
  CHECK_NOTHROW(Config(config).apply(parse_assignment("attack.type=none", "again")));
}

TEST_CASE("flags win over --set, --set over the environment, that over the file") {
  const TemporaryFolder folder;
  const std::string path = folder.file("x.toml");
  write_file(path,
             "[run]\nseed = 1\nrounds = 11\nthreads = 1\n[federation]\nlr = 0.5\nbatch = 7\n");
  std::string first = "FEDCAMAE_RUN__ROUNDS=12", second = "FEDCAMAE_FEDERATION__BATCH=8",
              third = "FEDCAMAE_RUN__SEED=2", other = "FEDCAMAE_DATA_DIR=/nowhere";
  char* environment[] = {first.data(), second.data(), third.data(), other.data(), nullptr};
  RunFlags flags;
  flags.config = path;
  flags.sets = {"run.rounds=13", "run.seed=3"};
  flags.seed = 4;
  const Config config = resolve_config(flags, environment);
  CHECK(config.section("federation").real("lr") == 0.5);
  CHECK(config.section("federation").integer("batch") == 8);
  CHECK(config.section("run").integer("rounds") == 13);
  CHECK(config.section("run").integer("seed") == 4);
  CHECK(config.section("run").text("name") == "x");

  std::string wrong = "FEDCAMAE_RUN__ROUNDZ=12";
  char* bad[] = {wrong.data(), nullptr};
  try {
    (void)resolve_config(flags, bad);
    FAIL("an unknown key of the environment was taken");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) ==
          "environment variable FEDCAMAE_RUN__ROUNDZ: unknown key 'run.roundz', did you mean "
          "'rounds'?");
  }
}

TEST_CASE("FEDCAMAE_DATA_DIR wins over the file's folder, and is searched where none is named") {
  const TemporaryFolder folder;
  RunFlags flags;
  flags.config = folder.file("x.toml");
  std::string place = "FEDCAMAE_DATA_DIR=/place";
  char* environment[] = {place.data(), nullptr};
  write_file(flags.config, "[data]\ndir = \"/file\"\n");
  CHECK(resolve_config(flags, environment).section("data").text("dir") == "/place");
  flags.sets = {"data.dir=/set"};
  CHECK(resolve_config(flags, environment).section("data").text("dir") == "/set");
  flags.data_dir = "/flag";
  CHECK(resolve_config(flags, environment).section("data").text("dir") == "/flag");
  write_file(flags.config, "");
  flags.sets.clear();
  flags.data_dir.reset();
  CHECK(resolve_config(flags, environment).section("data").text("dir").empty());
}

TEST_CASE("a written configuration reads back to itself") {
  const TemporaryFolder folder;
  write_file(folder.file("a.toml"),
             "[run]\nname = \"a \\\"quoted\\\" name\"\nseeds = [3, 4]\n"
             "[data]\npartition = { type = \"dirichlet\", alpha = 0.1 }\n"
             "[federation]\nlr = 1e-5\nmomentum = 0.1\n[attack]\ntype = \"noise\"\nstart = 2\n");
  RunFlags flags;
  flags.config = folder.file("a.toml");
  char* nothing[] = {nullptr};
  const std::string once = resolve_config(flags, nothing).to_toml();
  CHECK(contains(once, "lr = 1e-05"));
  CHECK(contains(once, "alpha = 0.1"));
  write_file(folder.file("b.toml"), once);
  flags.config = folder.file("b.toml");
  CHECK(resolve_config(flags, nothing).to_toml() == once);
}

TEST_CASE("every key of the schema is documented and its default is in its own range") {
  for (const Section& section : sections())
    for (const Option& option : section.options) {
      CAPTURE(section.name + "." + option.name);
      CHECK_FALSE(option.doc.empty());
      Options options({option});
      CHECK_NOTHROW(options.set(option.name, option.value));
    }
}
