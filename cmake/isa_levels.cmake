# The hot loops are one source over compiler vector types, built once per instruction-set level into
# its own namespace (FEDCAMAE_ISA) and chosen at start. These files include nothing of the standard
# library that has inline code: the linker could otherwise pick a copy the machine cannot run.
file(GLOB simd_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/core/cpu/simd/*.cpp)
function(fedcamae_isa_level name)
  add_library(fedcamae_simd_${name} OBJECT ${simd_sources})
  target_link_libraries(fedcamae_simd_${name} PRIVATE fedcamae_options)
  target_compile_definitions(fedcamae_simd_${name} PRIVATE FEDCAMAE_ISA=${name})
  # Contraction: a * b + c is one multiply-add where the level has it.
  # -Wno-psabi: vector arguments never cross a file of another level.
  target_compile_options(fedcamae_simd_${name} PRIVATE -O3 -ffp-contract=fast -fno-math-errno -fno-trapping-math
                         -Wno-psabi ${ARGN})
  target_sources(fedcamae_core PRIVATE $<TARGET_OBJECTS:fedcamae_simd_${name}>)
endfunction()

fedcamae_isa_level(baseline)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  fedcamae_isa_level(avx2 -march=x86-64-v3)
  fedcamae_isa_level(avx512 -march=x86-64-v4 -mprefer-vector-width=512)
  fedcamae_isa_level(avx512_bf16 -march=x86-64-v4 -mavx512bf16 -mprefer-vector-width=512)
  target_compile_definitions(fedcamae_core PRIVATE FEDCAMAE_X86_LEVELS)
endif()
