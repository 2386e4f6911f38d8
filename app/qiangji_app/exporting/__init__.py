"""Tables that leave the program as files for a spreadsheet."""
