# The build's vocabulary: lj_library, lj_program, lj_test, lj_fuzz.

# Flags every target of the project takes. Hardening as in the OpenSSF guide, as far as GCC 12 knows it.
add_library(lj_flags INTERFACE)
target_compile_options(lj_flags INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef -Wcast-qual -Wvla
    -Wconversion -Wimplicit-fallthrough -Werror=format-security
    -fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing -fstack-protector-strong -fPIE
    -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
target_include_directories(lj_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_definitions(lj_flags INTERFACE _GNU_SOURCE LJ_VERSION="${PROJECT_VERSION}")
target_link_options(lj_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed)
if(LJ_WERROR)
    target_compile_options(lj_flags INTERFACE -Werror)
endif()
if(LJ_FAILPOINTS)
    target_compile_definitions(lj_flags INTERFACE LJ_FAILPOINTS=1)
endif()
if(LJ_SANITIZE)
    target_compile_options(lj_flags INTERFACE -fsanitize=${LJ_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=all)
    target_link_options(lj_flags INTERFACE -fsanitize=${LJ_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
    # Under a sanitizer these hide errors (false negatives), so they are for the product only.
    target_compile_options(lj_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-clash-protection
        -fcf-protection=full -ftrivial-auto-var-init=zero)
endif()

# lj_library(name SOURCES a.c ... LIBS x ...): a static library linked by its program and by the tests.
function(lj_library name)
    cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
    add_library(${name} STATIC ${A_SOURCES})
    target_link_libraries(${name} PUBLIC lj_flags ${A_LIBS})
    if(LJ_FUZZ)
        target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link) # the fuzzer sees where an input leads
    endif()
endfunction()

# lj_program(name SOURCES main.c ... LIBS x ...): an installed program.
function(lj_program name)
    cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
    add_executable(${name} ${A_SOURCES})
    target_link_libraries(${name} PRIVATE lj_flags ${A_LIBS})
    install(TARGETS ${name} RUNTIME DESTINATION bin)
endfunction()

# lj_test(name SOURCES a.c ... LIBS x ... LABELS unit): a cmocka test; run as `ctest -L unit`.
function(lj_test name)
    if(NOT LJ_TESTS)
        return()
    endif()
    cmake_parse_arguments(A "" "" "SOURCES;LIBS;LABELS" ${ARGN})
    add_executable(${name} ${A_SOURCES})
    target_link_libraries(${name} PRIVATE lj_flags ${A_LIBS} PkgConfig::CMOCKA)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "${A_LABELS}" TIMEOUT 180
        ENVIRONMENT "LJ_SOURCE_DIR=${CMAKE_SOURCE_DIR};ASAN_OPTIONS=detect_leaks=1;UBSAN_OPTIONS=print_stacktrace=1")
endfunction()

# lj_fuzz(name SOURCES a.c ... LIBS x ...): a libFuzzer target, only in a clang build with LJ_FUZZ.
function(lj_fuzz name)
    if(NOT LJ_FUZZ)
        return()
    endif()
    cmake_parse_arguments(A "" "" "SOURCES;LIBS" ${ARGN})
    add_executable(${name} ${A_SOURCES})
    target_link_libraries(${name} PRIVATE lj_flags ${A_LIBS})
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endfunction()
