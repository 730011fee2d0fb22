// fedcamae study, as a child process: a tiny plan, its tables, and how it is refused.
#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <set>

#include "tests/cli/support.h"

namespace fs = std::filesystem;
using namespace fedcamae::testing;

namespace {

using Words = std::vector<std::string>;

constexpr const char* kTiny = R"(
[run]
rounds = 2
seed = 3
device = "cpu"
[data]
dataset = "cifar10"
server_images = 20
partition = { type = "iid" }
[model]
arch = "small_cnn"
[federation]
clients = 6
attackers = 2
batch = 16
lr = 0.01
[eval]
images = 30
)";
constexpr const char* kStudy = R"(
[defense]
f = 2
[study]
rounds = [1, 2]
attacks = [{ type = "label_flip" }, { type = "noise", name = "noise01", low = 0.0, high = 0.1 }]
defenses = [{ type = "multi_krum" }, { type = "median" }]
)";

struct Runner {
  TemporaryFolder folder;
  Runner() {
    write_file(file("tiny.toml"), kTiny);
    write_file(file("plan.toml"), std::string(kTiny) + kStudy);
    write_cifar10(file("data"), 200, 40);
  }
  std::string file(const std::string& name) const { return folder.file(name); }
  std::string text(const std::string& name) const { return read_text(file(name)); }
  Words command(const std::string& what, const std::string& out, const Words& more) const {
    Words words = {what,         file(what == "study" ? "plan.toml" : "tiny.toml"),
                   "--data-dir", file("data"),
                   "--out",      file(out)};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  ProgramResult study(const std::string& out, const Words& more = {}) const {
    return run_fedcamae(command("study", out, more));
  }
};

// Rows by column name.
std::vector<std::map<std::string, std::string>> rows_of(const std::string& text) {
  std::vector<Words> table;
  for (const std::string& line : lines_of(text)) {
    table.emplace_back(1);
    for (const char c : line)
      if (c == ',')
        table.back().emplace_back();
      else
        table.back().back() += c;
  }
  std::vector<std::map<std::string, std::string>> rows;
  for (size_t i = 1; i < table.size(); ++i) {
    REQUIRE(table[i].size() == table[0].size());
    for (size_t c = 0; c < table[0].size(); ++c) {
      if (c == 0) rows.emplace_back();
      rows.back()[table[0][c]] = table[i][c];
    }
  }
  return rows;
}

// Without the last column, the seconds.
std::string without_times(const std::string& text) {
  std::string result;
  for (const std::string& line : lines_of(text)) result += line.substr(0, line.rfind(',')) + "\n";
  return result;
}

}  // namespace

TEST_CASE("a study fills its folder, and its cells are what run gives") {
  const Runner r;
  const ProgramResult result = r.study("out");
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  check_plain(result);
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(r.file("out")))
    names.insert(entry.path().filename().string());
  CHECK(names == std::set<std::string>{"config.toml", "meta.json", "study.csv", "study_clients.csv",
                                       "study_attacks.csv", "table.txt", "table.svg"});
  CHECK(contains(result.err, "cell 18/18"));
  CHECK(contains(result.out, r.text("out/table.txt")));
  for (const char* word : {"TPR / FPR (AUC)", "| none ", "| noise01 ", "| multi_krum ", "| mean "})
    CHECK(contains(result.out, word));
  CHECK(contains(r.text("out/table.svg"), "<svg"));
  CHECK(contains(r.text("out/table.svg"), "noise01"));

  const auto cells = rows_of(r.text("out/study.csv"));
  CHECK(cells.size() == 2 * 3 * 3);
  const auto geometry = rows_of(r.text("out/study_attacks.csv"));
  REQUIRE(geometry.size() == 2 * 3);
  for (const auto& row : geometry) {
    double clean = 0;
    for (const auto& cell : cells)
      if (cell.at("round") == row.at("round") && cell.at("defense") == "mean") {
        if (cell.at("attack") == "none") clean = std::stod(cell.at("accuracy"));
        if (cell.at("attack") == row.at("attack")) CHECK(cell.at("accuracy") == row.at("accuracy"));
      }
    CHECK(std::stod(row.at("harm")) == doctest::Approx(std::stod(row.at("accuracy")) - clean));
    CHECK(std::stod(row.at("benign_norm")) > 0);
  }

  // The same client, the same score, to the last digit.
  REQUIRE(run_fedcamae(r.command("run", "one",
                                 {"--set", "attack.type=label_flip", "defense.type=multi_krum",
                                  "defense.f=2", "run.rounds=1"}))
              .code == 0);
  std::map<std::string, std::map<std::string, std::string>> clients;
  for (const auto& row : rows_of(r.text("out/study_clients.csv")))
    if (row.at("round") == "1" && row.at("attack") == "label_flip" &&
        row.at("defense") == "multi_krum")
      clients[row.at("client")] = row;
  const auto run_rows = rows_of(r.text("one/clients.csv"));
  REQUIRE(clients.size() == run_rows.size());
  for (const auto& row : run_rows)
    for (const char* column : {"samples", "loss", "score", "threshold", "accepted", "malicious"})
      CHECK(clients[row.at("client")][column] == row.at(column));
}

TEST_CASE("a study has the same bytes for any workers, and from its own config.toml again") {
  const Runner r;
  const Words more = {"--set", "run.seeds=[4, 5]", "study.closed_loop=1",
                      "study.closed_loop_attacks=[\"noise01\"]", "--workers"};
  auto run = [&](const std::string& out, const std::string& workers) {
    Words words = more;
    words.push_back(workers);
    CHECK(r.study(out, words).code == 0);
  };
  run("one", "1");
  run("two", "2");
  CHECK(run_fedcamae({"study", r.file("one/config.toml"), "--out", r.file("again")}).code == 0);
  for (const std::string other : {"two", "again"}) {
    CHECK(without_times(r.text("one/study.csv")) == without_times(r.text(other + "/study.csv")));
    for (const char* name : {"/study_clients.csv", "/study_attacks.csv", "/table.txt"})
      CHECK(r.text("one" + std::string(name)) == r.text(other + name));
  }
  CHECK(r.text("one/config.toml") == r.text("again/config.toml"));
  std::map<std::string, int> cells;
  for (const auto& row : rows_of(r.text("one/study.csv"))) ++cells[row.at("seed") + row.at("loop")];
  CHECK(cells ==
        std::map<std::string, int>{{"4open", 18}, {"5open", 18}, {"4closed", 6}, {"5closed", 6}});
  CHECK(parse_json(r.text("one/meta.json"))["partition"]["hashes"].size() == 2);
  CHECK(contains(r.text("one/table.txt"), "Closed loop"));
}

TEST_CASE("an interrupted study keeps its cells, whole, and leaves with 128 + signal") {
  const Runner r;
  const ProgramResult result = run_fedcamae(
      r.command("study", "out", {"--set", "run.rounds=2000", "study.closed_loop=2000"}), {}, SIGINT,
      [&](const std::string& err) { return contains(err, "cell "); });
  CHECK(result.code == 128 + SIGINT);
  CHECK(contains(result.err, "interrupted"));
  CHECK(contains(result.out, "interrupted, "));
  const auto cells = rows_of(r.text("out/study.csv"));
  CHECK(cells.size() >= 1);
  CHECK(rows_of(r.text("out/study_clients.csv")).size() == 6 * cells.size());
  CHECK(r.text("out/study.csv").ends_with("\n"));
  CHECK(contains(result.out, r.text("out/table.txt")));
}

TEST_CASE("plans that cannot be are refused in one line, before anything is made") {
  const Runner r;
  const auto refused = [&](const std::string& lines, const std::string& part) {
    write_file(r.file("plan.toml"), std::string(kTiny) + lines);
    check_refusal(r.study("out"), 2, part);
    CHECK_FALSE(fs::exists(r.file("out")));
  };
  refused("", "study rounds: at least one");
  refused("[study]\nrounds = [3]\n", "from 1 to the 2 rounds of the run, got 3");
  refused("[study]\nrounds = [0]\n", "plan.toml:20: 'rounds' must be from 1");
  refused("[study]\nround = [1]\n", "did you mean 'rounds'?");
  refused("[study]\nrounds = [1]\nattacks = [{ type = \"nois\" }]\n",
          "plan.toml:21: study.attacks has no type 'nois', did you mean 'noise'?");
  refused("[study]\nrounds = [1]\nattacks = [{ scale = 1 }]\n", "study.attacks has no type");
  refused("[study]\nrounds = [1]\nattacks = [{ type = \"noise\", lo = 1 }]\n",
          "plan.toml:21: unknown option 'lo', did you mean 'low'?");
  refused("[study]\nrounds = [1]\nattacks = [{ type = \"noise\", low = 3.0 }]\n",
          "plan.toml:21: attack noise: low (3) must be below high");
  refused("[study]\nrounds = [1]\nattacks = [{ type = \"noise\" }, { type = \"noise\" }]\n",
          "called 'noise'; give one another name");
  refused("[study]\nrounds = [1]\nattacks = [{ type = \"noise\", name = \"a,b\" }]\n",
          "cannot hold ,");
  refused("[study]\nrounds = [1]\nattacks = [\"noise\"]\n", "is a list of tables");
  refused("[study]\nrounds = [1]\nattacks = { type = \"noise\" }\n", "study.attacks.0.type");
  refused("[study]\nrounds = [1]\ndefenses = [{ type = \"median\", name = \"mean\" }]\n",
          "the name of what every study has");
  refused("[study]\nrounds = [1]\nclosed_loop_attacks = [\"gae\"]\n", "nothing is called 'gae'");
  refused("[attack]\ntype = \"noise\"\n[study]\nrounds = [1]\n", "from study.attacks");
  refused("[study]\nrounds = [1]\ndefenses = [{ type = \"fedcamae\", layer = \"conv9\" }]\n",
          "did you mean 'conv");
  check_refusal(run_fedcamae({"study"}), 2, "configs/study.toml");
  // A run has no such section.
  write_file(r.file("tiny.toml"), std::string(kTiny) + kStudy);
  check_refusal(run_fedcamae(r.command("run", "out", {})), 2, "study");
}

TEST_CASE("--set changes an entry of a list, or gives another list") {
  const Runner r;
  REQUIRE(r.study("out", {"--set", "study.rounds=[1]", "study.attacks.1.high=0.2",
                          "study.defenses=[{type=\"krum\", f=1}]"})
              .code == 0);
  const std::string config = r.text("out/config.toml");
  CHECK(contains(config, "type = \"noise\", name = \"noise01\", low = 0.0, high = 0.2"));
  CHECK(contains(config, "type = \"krum\", name = \"krum\", f = 1"));
  CHECK_FALSE(contains(config, "median"));
}
