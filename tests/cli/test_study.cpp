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
  ProgramResult resume(const std::string& out, const Words& more = {}) const {
    Words words = {"study", "--resume", file(out)};
    words.insert(words.end(), more.begin(), more.end());
    return run_fedcamae(words);
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

// Ended by `signal` in the cells after that many rows of study.csv, by then with a defense that
// votes, two seeds and a closed loop.
int interrupt(const Runner& r, const std::string& out, int signal, size_t rows, bool resumed) {
  Words words = {"study", "--resume", r.file(out)};
  if (!resumed)
    words = r.command("study", out,
                      {"--set", "run.seeds=[4, 5]", "study.closed_loop=2",
                       "study.closed_loop_attacks=[\"noise01\"]", "run.rounds=3",
                       "study.rounds=[1, 3]", "study.defenses.2.type=foolsgold"});
  if (signal == 0) return run_fedcamae(words).code;
  const ProgramResult result = run_fedcamae(words, {}, signal, [&](const std::string&) {
    return lines_of(r.text(out + "/study.csv")).size() > rows;
  });
  if (signal == SIGINT && result.code != 0) {
    CHECK(lines_of(result.err).back() ==
          "interrupted; " + r.file(out) +
              " is whole up to the last cell; go on with: fedcamae study --resume " + r.file(out));
  }
  return result.code;
}

TEST_CASE("an interrupted study goes on to the same bytes, whatever ended it") {
  const Runner r;
  REQUIRE(interrupt(r, "whole", 0, 0, false) == 0);
  const size_t rows = lines_of(r.text("whole/study.csv")).size() - 1;
  CHECK(rows == 2 * (2 * 2 * 4 + 2 * 3 * 4));
  int interrupted = interrupt(r, "out", SIGKILL, 1, false) == 1000 + SIGKILL ? 1 : 0;
  for (const size_t made : {3, 11, 19, 26, 34, 45, 52, 63, 74}) {
    const bool kill = made % 2 == 0;
    if (!fs::exists(r.file("out/resume"))) break;
    // As a crash in the middle of a cell leaves them.
    if (kill) {
      write_file(r.file("out/study.csv"), r.text("out/study.csv") + "4,open,1,no");
      write_file(r.file("out/study_clients.csv"),
                 r.text("out/study_clients.csv") + "5,open,3,noise01,foolsgold,1,,,,,,,,,,\n5,op");
      write_file(r.file("out/study_attacks.csv"),
                 r.text("out/study_attacks.csv") + "5,3,noise01,,,,,,,,,,,,,,\n");
    }
    const int code = interrupt(r, "out", kill ? SIGKILL : SIGINT, made, true);
    CHECK((code == 0 || code == (kill ? 1000 + SIGKILL : 128 + SIGINT)));
    if (code != 0) ++interrupted;
  }
  CHECK(interrupted >= 3);
  if (fs::exists(r.file("out/resume"))) {
    const ProgramResult result = r.resume("out", {"--workers", "1"});
    CAPTURE(result.err);
    CHECK(result.code == 0);
    CHECK(contains(result.err, "of 80 cells are made, into "));
    CHECK(contains(result.out, r.text("out/table.txt")));
  }
  CHECK(without_times(r.text("whole/study.csv")) == without_times(r.text("out/study.csv")));
  for (const char* name :
       {"study_clients.csv", "study_attacks.csv", "table.txt", "table.svg", "config.toml"})
    CHECK(r.text("whole/" + std::string(name)) == r.text("out/" + std::string(name)));
  CHECK_FALSE(fs::exists(r.file("out/resume")));
  const auto meta = parse_json(r.text("out/meta.json"));
  CHECK(meta["resumed"].size() >= 3);
  CHECK(meta["partition"] == parse_json(r.text("whole/meta.json"))["partition"]);
}

TEST_CASE("a study that cannot go on says why in one line, and stays as it is") {
  const Runner r;
  REQUIRE(interrupt(r, "out", SIGKILL, 5, false) == 1000 + SIGKILL);
  const auto refused = [&](const ProgramResult& result, int code, const std::string& part) {
    const std::string before = r.text("out/study.csv") + r.text("out/meta.json");
    check_refusal(result, code, part);
    CHECK(before == r.text("out/study.csv") + r.text("out/meta.json"));
  };
  refused(r.resume("data"), 2, "is not the folder of a study, it has no config.toml");
  refused(r.resume("nowhere"), 2, "is not the folder of a study");
  refused(r.resume("out", {"--out", r.file("else")}), 2, "--out");
  for (const char* change :
       {"federation.lr=0.02", "study.rounds=[1, 2]", "run.seeds=[4]", "study.attacks.2.high=0.2"})
    refused(r.resume("out", {"--set", change}), 2, "the plan is not the one");
  refused(r.resume("out", {"--seed", "4"}), 2, "the plan is not the one");
  refused(r.study("out"), 2, "is not empty");

  const std::string config = r.text("out/config.toml"), csv = r.text("out/study.csv"),
                    meta = r.text("out/meta.json");
  const auto change = [&](const std::string& name, const std::string& text, int code,
                          const std::string& part) {
    const std::string before = r.text(name);
    write_file(r.file(name), text);
    refused(r.resume("out"), code, part);
    write_file(r.file(name), before);
  };
  std::string other = config;
  other.replace(other.find("lr = 0.01"), 9, "lr = 0.03");
  change("out/config.toml", other, 2, "the plan is not the one");
  change("out/meta.json", meta.substr(0, 40), 3, "meta.json: does not say");
  change("out/meta.json", "{}", 3, "meta.json: does not say");
  change("out/study_clients.csv", "", 3, "study_clients.csv: does not begin with the columns");
  const size_t second = csv.find('\n', csv.find('\n') + 1);  // behind the first row
  change("out/study.csv", csv.substr(0, csv.find('\n')) + csv.substr(second), 3,
         "study.csv:2: is not the row that the plan makes next");
  change("out/study.csv", csv.substr(0, second) + ",\n", 3, "study.csv:2: is not the row");
  write_cifar10_changed(r.file("data"), 200, 100);
  const ProgramResult changed = r.resume("out");
  CHECK(changed.code == 3);
  CHECK(contains(changed.err, "was begun with other data"));
  write_cifar10(r.file("data"), 200, 40);

  // The plan may be named once more; where the data is may change, and who computes.
  fs::rename(r.file("data"), r.file("elsewhere"));
  CHECK(r.resume("out", {"--data-dir", r.file("elsewhere"), "--workers", "1", "--threads", "1"})
            .code == 0);
  check_refusal(r.resume("out"), 2, "this study is finished");
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
