# ds_room(<name> [LINK <libs>...]): the static library Ds<name> of every .cpp in this folder, with the shared
# precompiled header. The rooms' permitted arrows are checked by tools/dev/check-layers.
function(ds_room name)
  cmake_parse_arguments(ARG "" "" "LINK;DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_library(Ds${name} STATIC ${sources})
  target_include_directories(Ds${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR}/include)
  target_compile_options(Ds${name} PRIVATE ${DS_MLIR_FLAGS})
  target_include_directories(Ds${name} SYSTEM PUBLIC ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
  target_link_libraries(Ds${name} PUBLIC ${ARG_LINK})
  target_precompile_headers(Ds${name} REUSE_FROM DsPch)
  add_dependencies(Ds${name} DsTablegen ${ARG_DEPENDS})
  set_property(GLOBAL APPEND PROPERTY DS_ROOMS Ds${name})
endfunction()

# ds_tablegen(<td> <output> <mlir-tblgen options>...): generated into the same folder of the build tree.
function(ds_tablegen td output)
  file(RELATIVE_PATH rel ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  set(out ${CMAKE_BINARY_DIR}/${rel}/${output})
  get_filename_component(dir ${out} DIRECTORY)
  file(MAKE_DIRECTORY ${dir})
  add_custom_command(OUTPUT ${out}
    COMMAND ${MLIR_TABLEGEN_EXE_PATH} ${ARGN} -I ${CMAKE_SOURCE_DIR} -I ${CMAKE_CURRENT_SOURCE_DIR}
            -I ${DS_MLIR_INCLUDE} ${CMAKE_CURRENT_SOURCE_DIR}/${td} -o ${out} -d ${out}.d
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${td} DEPFILE ${out}.d)
  string(MAKE_C_IDENTIFIER "tblgen_${rel}_${output}" tgt)
  add_custom_target(${tgt} DEPENDS ${out})
  add_dependencies(DsTablegen ${tgt})
endfunction()

# ds_tool(<name> LINK <libs>...): a compiler tool, <name>.cpp in this folder.
function(ds_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_executable(${name} ${sources})
  # The precompiled header was made with -fPIC; CMake would give executables -fPIE.
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC ${DS_MLIR_FLAGS})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR}/include)
  target_include_directories(${name} SYSTEM PRIVATE ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  target_precompile_headers(${name} REUSE_FROM DsPch)
  add_dependencies(${name} DsTablegen)
  set_property(GLOBAL APPEND PROPERTY DS_TOOLS ${name})
endfunction()
