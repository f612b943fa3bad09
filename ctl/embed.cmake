# Makes a C file that holds files of the source tree byte for byte: cmake -DSRC=<source dir> -DOUT=<file.c> -DFILES=<a|b|c> -P embed.cmake
# The assembler's .incbin copies them, so that no generated array can differ from the file, and a megabyte costs no compile time.
string(REPLACE "|" ";" files "${FILES}")
list(SORT files)
set(asm "")
set(decl "")
set(rows "")
set(i 0)
foreach(file ${files})
    string(APPEND asm "    \".global lj_embed_${i}\\nlj_embed_${i}:\\n.incbin \\\"${SRC}/${file}\\\"\\n.global lj_embed_${i}_end\\nlj_embed_${i}_end:\\n.byte 0\\n\"\n")
    string(APPEND decl "extern const char lj_embed_${i}[], lj_embed_${i}_end[];\n")
    string(APPEND rows "    {\"${file}\", lj_embed_${i}, lj_embed_${i}_end},\n")
    math(EXPR i "${i} + 1")
endforeach()
file(WRITE ${OUT}.new "/* Made by ctl/embed.cmake from the files named below. */
#include \"ctl/embed.h\"

__asm__(\".section .rodata\\n\"
${asm}    \".previous\\n\");

${decl}
const struct lj_embedded lj_embedded[] = {
${rows}};
const size_t lj_embedded_count = ${i};
")
# Rename last: ninja must never see half a file. The timestamp has to move even when the text did not: .incbin reads the files anew.
file(RENAME ${OUT}.new ${OUT})
