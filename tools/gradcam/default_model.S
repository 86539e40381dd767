/* The network that `gradcam` uses where no -m names another: a model file (weights/photos11.safetensors), taken into the command
 * byte for byte, so that the command is one file that explains photos anywhere. The library reads it where it lies. Built
 * without such a file, the two marks are at one place. */
    .section .rodata
    .global default_model
    .global default_model_end
    .global default_model_name
    .balign 64 /* as the data of a model file */
default_model:
#ifdef DEFAULT_MODEL_FILE
    .incbin DEFAULT_MODEL_FILE
#endif
default_model_end:
    .byte 0
default_model_name:
#ifdef DEFAULT_MODEL_NAME
    .asciz DEFAULT_MODEL_NAME
#else
    .asciz ""
#endif
    .section .note.GNU-stack, "", %progbits
