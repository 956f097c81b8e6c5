module codeactions

go 1.27
