# Modules: one directory, one target, one place in the table of layers.
#
#   perigee_module(control-plane/store LAYER 3
#     SOURCES store.cc sqlite_store.cc          # beside the CMakeLists.txt
#     USES shared/base shared/sqlite            # every module its files include
#     LIBRARIES absl::status                    # packages
#     [GRPC]                                    # includes gRPC or service headers; left out of the sanitized build
#     [PROTO])                                  # includes message headers
#
# Configuring fails when a module uses one of its own layer or above, of the
# other program's tree, one that does not exist (so no cycle can be written
# down), or when a file includes a module that USES does not name.
#
# Tests mirror the tree: tests/unit/<module>/*_test.cc (likewise tests/property
# and tests/conformance) become one test program of that module; what they need
# beyond the module is named in perigee_test_uses(<module> ...).

function(perigee_target_name path out)
  string(REPLACE "/" "_" name "${path}")
  string(REPLACE "-" "_" name "${name}")
  set(${out} "perigee_${name}" PARENT_SCOPE)
endfunction()

function(perigee_check_includes module uses files)
  foreach(file IN LISTS files)
    file(STRINGS "${file}" lines REGEX "^#include \"(shared|control-plane|satellite)/")
    foreach(line IN LISTS lines)
      string(REGEX MATCH "\"([^/]+/[^/\"]+)/" _ "${line}")
      set(other "${CMAKE_MATCH_1}")
      if(NOT other STREQUAL module AND NOT other IN_LIST uses)
        message(FATAL_ERROR "${file} includes ${other}, which ${module} does not declare.\n"
          "Add ${other} to USES in ${module}/CMakeLists.txt if the table of layers allows it, else move the code.")
      endif()
    endforeach()
  endforeach()
endfunction()

function(perigee_check_layer module layer uses)
  string(REGEX MATCH "^[^/]+" tree "${module}")
  foreach(other IN LISTS uses)
    string(REGEX MATCH "^[^/]+" other_tree "${other}")
    if(NOT other_tree STREQUAL "shared" AND NOT other_tree STREQUAL tree)
      message(FATAL_ERROR "${module} uses ${other}: a module may use its own tree and shared/ only.")
    endif()
    get_property(other_layer GLOBAL PROPERTY "PERIGEE_LAYER_${other}")
    if("${other_layer}" STREQUAL "")
      message(FATAL_ERROR "${module} uses ${other}, which is not declared before it. Lower layers come first.")
    endif()
    if(NOT other_layer LESS layer)
      message(FATAL_ERROR "${module} (layer ${layer}) uses ${other} (layer ${other_layer}): only lower layers may be used.")
    endif()
  endforeach()
endfunction()

function(perigee_reuse_pch target grpc proto)
  if(grpc)
    target_precompile_headers(${target} REUSE_FROM perigee_pch_grpc)
  elseif(proto)
    target_precompile_headers(${target} REUSE_FROM perigee_pch_proto)
  else()
    target_precompile_headers(${target} REUSE_FROM perigee_pch_core)
  endif()
endfunction()

function(perigee_module module)
  cmake_parse_arguments(M "GRPC;PROTO" "LAYER" "SOURCES;USES;LIBRARIES" ${ARGN})
  set(dir "${CMAKE_SOURCE_DIR}/${module}")
  file(GLOB headers "${dir}/*.h")
  list(TRANSFORM M_SOURCES PREPEND "${dir}/" OUTPUT_VARIABLE sources)
  perigee_check_layer(${module} ${M_LAYER} "${M_USES}")
  perigee_check_includes(${module} "${M_USES}" "${sources};${headers}")
  set_property(GLOBAL PROPERTY "PERIGEE_LAYER_${module}" ${M_LAYER})
  set_property(GLOBAL PROPERTY "PERIGEE_GRPC_${module}" "${M_GRPC}")
  foreach(other IN LISTS M_USES)
    get_property(other_grpc GLOBAL PROPERTY "PERIGEE_GRPC_${other}")
    if(other_grpc AND NOT M_GRPC)
      message(FATAL_ERROR "${module} uses ${other}, which is marked GRPC, so it must be too.")
    endif()
  endforeach()
  if(M_GRPC AND NOT PERIGEE_WITH_GRPC)
    return()
  endif()
  perigee_target_name(${module} target)
  add_library(${target} STATIC ${sources})
  target_link_libraries(${target} PUBLIC perigee_options ${M_LIBRARIES})
  foreach(other IN LISTS M_USES)
    perigee_target_name(${other} other_target)
    target_link_libraries(${target} PUBLIC ${other_target})
  endforeach()
  if(M_GRPC)
    target_link_libraries(${target} PUBLIC perigee_grpc)
  elseif(M_PROTO)
    target_link_libraries(${target} PUBLIC perigee_proto)
  endif()
  perigee_reuse_pch(${target} "${M_GRPC}" "${M_PROTO}")
  if(PERIGEE_TESTS)
    perigee_module_tests(${module} ${target})
  endif()
endfunction()

# A program: a main.cc and the modules it links.
function(perigee_program name)
  cmake_parse_arguments(P "GRPC;PROTO;STATIC" "" "SOURCES;USES" ${ARGN})
  if(P_GRPC AND NOT PERIGEE_WITH_GRPC)
    return()
  endif()
  add_executable(${name} ${P_SOURCES})
  target_link_libraries(${name} PRIVATE perigee_options)
  foreach(other IN LISTS P_USES)
    perigee_target_name(${other} other_target)
    target_link_libraries(${name} PRIVATE ${other_target})
  endforeach()
  if(P_GRPC)
    target_link_libraries(${name} PRIVATE perigee_grpc)
  endif()
  perigee_reuse_pch(${name} "${P_GRPC}" "${P_PROTO}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
endfunction()

# perigee_test_uses(control-plane/store shared/sqlite ...): further modules for its tests.
# Must stand before the module's perigee_module().
function(perigee_test_uses module)
  set_property(GLOBAL PROPERTY "PERIGEE_TEST_USES_${module}" "${ARGN}")
endfunction()

function(perigee_module_tests module target)
  set(sources)
  foreach(kind unit property conformance)
    file(GLOB found CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/${kind}/${module}/*.cc")
    list(APPEND sources ${found})
  endforeach()
  if(NOT sources)
    return()
  endif()
  set(test "${target}_test")
  add_executable(${test} ${sources})
  target_link_libraries(${test} PRIVATE ${target} perigee_options perigee_proto GTest::gmock_main)
  get_property(more GLOBAL PROPERTY "PERIGEE_TEST_USES_${module}")
  foreach(other IN LISTS more)
    perigee_target_name(${other} other_target)
    target_link_libraries(${test} PRIVATE ${other_target})
  endforeach()
  target_precompile_headers(${test} REUSE_FROM perigee_pch_test)
  target_compile_options(${test} PRIVATE -pthread)  # gRPC's targets ask for it; with it, one precompiled header fits all
  set_target_properties(${test} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  gtest_discover_tests(${test} TEST_PREFIX "${module}:" PROPERTIES LABELS unit
    DISCOVERY_TIMEOUT 60 WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
endfunction()
