# FEDCAMAE_GIT: the commit at configure time, "unknown" outside a repository.
find_package(Git QUIET)
set(FEDCAMAE_GIT "unknown")
if(Git_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} describe --always --dirty --abbrev=10
                  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
                  OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE
                  RESULT_VARIABLE failed ERROR_QUIET)
  if(NOT failed)
    set(FEDCAMAE_GIT "${described}")
  endif()
endif()
