// fedcamae: the program. Everything is in the library below, so that tests can call it.
#include "cli/command_line.h"

int main(int argc, char** argv) { return fedcamae::run_program(argc, argv); }
