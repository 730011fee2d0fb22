// The command line: flags and commands by CLI11, errors to exit codes.
#pragma once

#include <string>

namespace fedcamae {

// Parses, runs the command, returns the exit code: 0, or the kind of the error (core/error.h), or
// 130 / 143 after SIGINT / SIGTERM. Every error is one line on stderr.
int run_program(int argc, char** argv);

std::string cli11_version();

}  // namespace fedcamae
