# Makes the C file that holds the dashboard: cmake -DSRC=<gateway/dashboard> -DOUT=<file.c> -DFILES=<a|b|c> -P embed.cmake
# Files are copied byte for byte by the assembler's .incbin. index.html alone is written anew: @UI@ in it becomes the address of the others,
# which holds the hash of all of them.
string(REPLACE "|" ";" files "${FILES}")
list(SORT files)
list(REMOVE_ITEM files index.html)
get_filename_component(out_dir ${OUT} DIRECTORY)

set(type_html "text/html; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_svg "image/svg+xml")
set(type_json "application/json")
set(type_txt "text/plain; charset=utf-8")

set(all "")
foreach(file ${files} index.html)
    file(SHA256 ${SRC}/${file} sum)
    string(APPEND all "${file} ${sum}\n")
endforeach()
string(SHA256 hash "${all}")
string(SUBSTRING ${hash} 0 16 hash)

file(READ ${SRC}/index.html page)
string(REPLACE "@UI@" "/ui/${hash}" page "${page}")
file(WRITE ${out_dir}/index.html "${page}")

set(asm "    \".global lj_asset_page\\nlj_asset_page:\\n.incbin \\\"${out_dir}/index.html\\\"\\n.global lj_asset_page_end\\nlj_asset_page_end:\\n.byte 0\\n\"\n")
set(decl "extern const unsigned char lj_asset_page[], lj_asset_page_end[];\n")
set(rows "")
set(i 0)
foreach(file ${files})
    string(REGEX REPLACE ".*\\." "" ext ${file})
    if(NOT DEFINED type_${ext})
        message(FATAL_ERROR "embed.cmake knows no content type for ${file}")
    endif()
    string(APPEND asm "    \".global lj_asset_${i}\\nlj_asset_${i}:\\n.incbin \\\"${SRC}/${file}\\\"\\n.global lj_asset_${i}_end\\nlj_asset_${i}_end:\\n.byte 0\\n\"\n")
    string(APPEND decl "extern const unsigned char lj_asset_${i}[], lj_asset_${i}_end[];\n")
    string(APPEND rows "    {\"${file}\", \"${type_${ext}}\", lj_asset_${i}, lj_asset_${i}_end},\n")
    math(EXPR i "${i} + 1")
endforeach()
file(WRITE ${OUT}.new "/* Made by gateway/dashboard/embed.cmake from the files named below. */
#include \"gateway/dashboard.h\"

__asm__(\".section .rodata\\n\"
${asm}    \".previous\\n\");

${decl}
const struct lj_asset lj_assets[] = {
${rows}};
const size_t lj_assets_count = ${i};
const char lj_assets_hash[] = \"${hash}\";
const char lj_assets_etag[] = \"\\\"${hash}\\\"\";
const struct lj_asset lj_assets_page = {\"index.html\", \"${type_html}\", lj_asset_page, lj_asset_page_end};
")
file(RENAME ${OUT}.new ${OUT})
