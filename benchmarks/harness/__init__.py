"""What every benchmark needs: result pages and tables, the cost of a program, figures, and a training to its end."""
