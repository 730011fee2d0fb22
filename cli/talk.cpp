#include "cli/talk.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <memory>

namespace fedcamae {
namespace {

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> made = [] {
    auto log = std::make_shared<spdlog::logger>("fedcamae",
                                                std::make_shared<spdlog::sinks::stderr_sink_mt>());
    log->set_pattern("%v");
    log->flush_on(spdlog::level::info);
    return log;
  }();
  return *made;
}

}  // namespace

void talk_line(const std::string& line) { logger().info(line); }
void talk_error_line(const std::string& line) { logger().error("fedcamae: error: {}", line); }
bool stderr_is_terminal() { return isatty(STDERR_FILENO) != 0; }

}  // namespace fedcamae
